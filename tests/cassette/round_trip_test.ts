import {
  CancelledError,
  Cassette,
  CassetteMissError,
  Command,
  isNotFound,
  JobRunner,
  type ProcessRunner,
  RecordingRunner,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
  SignalledError,
  Stdin,
  TimeoutError,
  UnsupportedError,
} from "../../mod.ts";
import { failureOf, never, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "../std.ts";
import { withinDeadline } from "./deadline.ts";

/** Records the commands one after the other, with a real runner unless another is given, and returns their results. */
async function record(
  path: string,
  commands: Command[],
  inner: ProcessRunner = new JobRunner(),
) {
  return await RecordReplayRunner.recording(path, inner, async (runner) => {
    const results = [];
    for (const command of commands) {
      results.push(await runner.outputString(command));
    }
    return results;
  });
}

test("a replayed result is equal to the recorded one: success, failure, signal and timeout", async () => {
  await using folder = await temporaryFolder();
  const commands = [
    sh("printf 'out\\n\\n'; printf warn >&2"),
    sh("echo no >&2; exit 7"),
    sh("echo up; kill -9 $$"),
    sh("echo partial; sleep 60").timeout(200),
    sh("printf 'h\\303\\251 \\377 \\000 \\033[0m \\342\\200\\250'"),
    new Command("ls", ["/no/such/file"]).okCodes([0, 2]),
  ];
  const live = await record(folder.file("c.json"), commands);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  for (const [index, command] of commands.entries()) {
    const replayed = await replayer.outputString(command);
    assertEquals(replayed, live[index]);
    assertEquals(replayed.duration(), 0);
  }
  assertEquals(live.map(({ outcome }) => outcome.kind), [
    "exited",
    "exited",
    "signalled",
    "timed-out",
    "exited",
    "exited",
  ]);
  assertNotEquals(live[0], live[1]);
});

test("replay starts nothing", async () => {
  await using folder = await temporaryFolder();
  const command = sh('echo ran >> "$1"; cat "$1"', folder.file("trace"));
  const [live] = await record(folder.file("c.json"), [command]);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  assertEquals([await replayer.run(command), await replayer.run(command)], [
    "ran",
    "ran",
  ]);
  assertEquals(await new Command("cat", [folder.file("trace")]).run(), "ran");
  assertEquals(live.stdout, "ran\n");
});

test("several runs of one command are replayed in order, then the last one repeats", async () => {
  await using folder = await temporaryFolder();
  const count = new Command("count");
  const other = new Command("other");
  const script = new ScriptedRunner()
    .onSequence(["count"], [Reply.ok("1"), Reply.ok("2"), Reply.fail(3)])
    .onSequence(["other"], [Reply.ok("a"), Reply.ok("b")]);
  await record(
    folder.file("c.json"),
    [count, other, count, other, count],
    script,
  );
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  const seen = [];
  for (const command of [count, count, other, count, count, other, other]) {
    const { stdout, code } = await replayer.outputString(command);
    seen.push(stdout || code);
  }
  assertEquals(seen, ["1", "2", "a", 3, 3, "b", "b"]);
});

test("concurrent replays of one command are answered in the order of the calls", async () => {
  await using folder = await temporaryFolder();
  const count = new Command("count");
  const replies = Array.from(
    { length: 20 },
    (_, index) => Reply.ok(String(index)),
  );
  await record(
    folder.file("c.json"),
    replies.map(() => count),
    new ScriptedRunner().onSequence(["count"], replies),
  );
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  const answers = await Promise.all(replies.map(() => replayer.run(count)));
  assertEquals(answers, replies.map((_, index) => String(index)));
});

test("runs are recorded in the order in which they completed", async () => {
  await using folder = await temporaryFolder();
  const script = new ScriptedRunner().on(
    ["slow"],
    Reply.lines(["x"]).withLineDelay(100),
  ).on(["fast"], Reply.ok());
  await RecordReplayRunner.recording(
    folder.file("c.json"),
    script,
    async (runner) => {
      await Promise.all([
        runner.run(new Command("slow")),
        runner.run(new Command("fast")),
      ]);
    },
  );
  const { entries } = await Cassette.read(folder.file("c.json"));
  assertEquals(entries.map(({ program }) => program), ["fast", "slow"]);
});

test("stdin is part of the match: each input replays its own output, in any order", async () => {
  await using folder = await temporaryFolder();
  const cat = new Command("cat");
  await record(folder.file("c.json"), [cat.stdin("A"), cat.stdin("B")]);
  for (const order of [["A", "B"], ["B", "A"]]) {
    const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
    for (const input of order) {
      assertEquals(
        await replayer.run(
          cat.stdin(Stdin.fromBytes(new TextEncoder().encode(input))),
        ),
        input,
      );
    }
    for (
      const other of [
        cat,
        cat.stdin("C"),
        cat.stdin(""),
        cat.stdin(Stdin.fromFile("A")),
      ]
    ) {
      assertInstanceOf(await failureOf(replayer.run(other)), CassetteMissError);
    }
  }
});

test("a stdin file is matched by its path, and is not read", async () => {
  await using folder = await temporaryFolder();
  const input = folder.file("input");
  await sh('echo content > "$1"', input).run();
  const command = new Command("cat").stdin(Stdin.fromFile(input));
  await record(folder.file("c.json"), [command]);
  await sh('rm "$1"', input).run();
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  assertEquals(await replayer.run(command), "content");
});

test("a different working directory, or none, is a miss, and a different environment is not", async () => {
  await using folder = await temporaryFolder();
  const pwd = new Command("pwd");
  await record(folder.file("c.json"), [pwd.cwd("/usr").env("LANG", "C")]);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  for (
    const other of [
      pwd,
      pwd.cwd("/"),
      pwd.cwd("/usr/"),
      pwd.cwd("/usr").arg("-P"),
    ]
  ) {
    assertInstanceOf(await failureOf(replayer.run(other)), CassetteMissError);
  }
  for (
    const same of [
      pwd.cwd("/usr"),
      pwd.cwd("/usr").env("OTHER", "1").envClear(),
    ]
  ) {
    assertEquals(await replayer.run(same), "/usr");
  }
});

test("arguments that join to the same text are different arguments", async () => {
  await using folder = await temporaryFolder();
  const script = new ScriptedRunner().fallback(Reply.ok());
  await record(folder.file("c.json"), [
    new Command("a", ["b c", '","']),
    new Command("a", ["x"]),
  ], script);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  for (
    const args of [["b", "c", '","'], ["b c", '"', '"'], ["b c"], [], ["x", ""]]
  ) {
    assertInstanceOf(
      await failureOf(replayer.run(new Command("a", args))),
      CassetteMissError,
    );
  }
  assertEquals(await replayer.run(new Command("a", ["b c", '","'])), "");
});

test("a miss names the program and the cassette, and is not a NotFoundError", async () => {
  await using folder = await temporaryFolder();
  await record(folder.file("c.json"), []);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  const error = await failureOf(
    replayer.run(new Command("git", ["status", "-s"])),
  );
  assertInstanceOf(error, CassetteMissError);
  assertEquals([error.kind, error.program, error.path], [
    "cassette-miss",
    "git",
    folder.file("c.json"),
  ]);
  assertStringIncludes(error.message, "git status -s");
  assert(!isNotFound(error));
  const flood = await failureOf(
    replayer.run(new Command("git", ["x".repeat(100_000)])),
  );
  assert((flood as Error).message.length < 1000);
});

test("a replayed timeout throws TimeoutError with the timeout of the replaying command", async () => {
  await using folder = await temporaryFolder();
  await withinDeadline(
    (ms) =>
      record(folder.file("c.json"), [sh("echo up; sleep 60").timeout(ms)]),
    ([{ stdout }]) => stdout !== "",
  );
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  const error = await failureOf(
    replayer.run(sh("echo up; sleep 60").timeout(5000)),
  );
  assertInstanceOf(error, TimeoutError);
  assertEquals([error.timeout, error.stdout], [5000, "up\n"]);
  const without = await failureOf(replayer.run(sh("echo up; sleep 60")));
  assertInstanceOf(without, TimeoutError);
  assertEquals(without.timeout, null);
});

test("the okCodes of the replaying command decide success", async () => {
  await using folder = await temporaryFolder();
  await record(folder.file("c.json"), [sh("exit 3")]);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  assert((await replayer.outputString(sh("exit 3").okCodes([3]))).success);
  assert(!(await replayer.outputString(sh("exit 3"))).success);
});

test("the names of environment variables are recorded, sorted, and their values are not", async () => {
  await using folder = await temporaryFolder();
  const secret = "hunter2-very-secret";
  const command = new Command("true").env("API_TOKEN", secret).env(
    "\u{1f600}",
    secret,
  ).env("\uff5e", secret)
    .envRemove("HOME").envRemove("API_TOKEN").env("API_TOKEN", secret)
    .inheritEnv(["LANG"]);
  await record(folder.file("c.json"), [command]);
  const text = await new Command("cat", [folder.file("c.json")]).run();
  assertStringIncludes(text, "API_TOKEN");
  assert(!text.includes("hunter2"));
  const [entry] = (await Cassette.read(folder.file("c.json"))).entries;
  assertEquals(entry.envNames, ["API_TOKEN", "HOME", "\uff5e", "\u{1f600}"]);
});

test("a streamed or inherited stdin is refused in both modes, before the command runs and the stream is read", async () => {
  await using folder = await temporaryFolder();
  await record(folder.file("c.json"), [new Command("cat")]);
  const inner = new RecordingRunner(new ScriptedRunner().fallback(Reply.ok()));
  const runners = [
    RecordReplayRunner.record(folder.file("new.json"), inner),
    await RecordReplayRunner.replay(folder.file("c.json")),
  ];
  for (const runner of runners) {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array([42]));
        controller.close();
      },
    });
    const sources = [
      new Command("cat").stdin(stream),
      new Command("cat").stdin(Stdin.fromAsyncLines(unreadLines())),
    ];
    const interactive = [
      new Command("cat").inheritStdin(),
      new Command("cat").foreground(),
      new Command("cat").foreground().stdin("known"),
    ];
    for (const command of [...sources, ...interactive]) {
      const error = await assertRejects(
        () => runner.outputString(command),
        UnsupportedError,
      );
      assertEquals(error.kind, "unsupported");
      assertStringIncludes(error.message, "Stdin.from");
    }
    assertEquals((await stream.getReader().read()).value, new Uint8Array([42]));
  }
  assertEquals(inner.calls(), []);
});

async function* unreadLines() {
  yield await Promise.resolve("unread");
}

test("streams that are not captured are recorded as empty", async () => {
  await using folder = await temporaryFolder();
  const command = sh("echo out; echo err >&2").stdout("null").stderr("null");
  const [live] = await record(folder.file("c.json"), [command]);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  assertEquals(await replayer.outputString(command), live);
  assertEquals([live.stdout, live.stderr], ["", ""]);
});

test("handlers receive the recorded lines of stdout, then those of stderr", async () => {
  await using folder = await temporaryFolder();
  const command = sh("printf 'e1\\ne2' >&2; printf '1\\r\\n2\\n3'");
  await record(folder.file("c.json"), [command]);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  const seen: string[] = [];
  await replayer.run(
    command.onStderrLine((line) => void seen.push(`err ${line}`)).onStdoutLine(
      async (line) => {
        await Promise.resolve();
        seen.push(`out ${line}`);
      },
    ),
  );
  assertEquals(seen, ["out 1", "out 2", "out 3", "err e1", "err e2"]);
});

test("a handler that runs the same command on the replayer gets the next recording", async () => {
  await using folder = await temporaryFolder();
  const count = new Command("count");
  const script = new ScriptedRunner().onSequence(["count"], [
    Reply.ok("1\n"),
    Reply.ok("2\n"),
  ]);
  await record(folder.file("c.json"), [count, count], script);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  let inner = "";
  const outer = await replayer.run(
    count.onStdoutLine(async () => void (inner = await replayer.run(count))),
  );
  assertEquals([outer, inner], ["1", "2"]);
});

test("an error of a handler is in handlerErrors, and the replayed result is complete", async () => {
  await using folder = await temporaryFolder();
  await record(folder.file("c.json"), [sh("echo 1; echo 2")]);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  const result = await replayer.outputString(
    sh("echo 1; echo 2").onStdoutLine(() => {
      throw new Error("oops");
    }),
  );
  assertEquals([result.stdout, result.handlerErrors().map(String)], ["1\n2\n", [
    "Error: oops",
  ]]);
});

test("an abort signal and a timeout apply to a replay too", async () => {
  await using folder = await temporaryFolder();
  const echo = new Command("echo", ["1"]);
  await record(folder.file("c.json"), [echo]);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  await assertRejects(
    () => replayer.run(echo.cancelOn(AbortSignal.abort())),
    CancelledError,
  );
  assert(
    (await replayer.outputString(echo.onStdoutLine(never).timeout(80)))
      .timedOut,
  );
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  await assertRejects(
    () => replayer.run(echo.onStdoutLine(never).cancelOn(abort.signal)),
    CancelledError,
  );
});

test("a rejected run records nothing", async () => {
  await using folder = await temporaryFolder();
  await RecordReplayRunner.recording(
    folder.file("c.json"),
    new JobRunner(),
    async (runner) => {
      await failureOf(runner.run(new Command("no-such-program")));
      await failureOf(
        runner.run(new Command("true").cancelOn(AbortSignal.abort())),
      );
      await failureOf(runner.run(new Command("false")));
    },
  );
  const { entries } = await Cassette.read(folder.file("c.json"));
  assertEquals(entries.map(({ program, code }) => [program, code]), [[
    "false",
    1,
  ]]);
});

test("each attempt of a retry is recorded as a run, and a replay does not wait between them", async () => {
  await using folder = await temporaryFolder();
  const flaky = new Command("flaky");
  const script = new ScriptedRunner().onSequence(["flaky"], [
    Reply.fail(1),
    Reply.signalled(9),
    Reply.ok("3\n"),
  ]);
  await RecordReplayRunner.recording(
    folder.file("c.json"),
    script,
    (runner) =>
      runner.run(flaky.retry({ attempts: 3, backoff: 1, when: () => true })),
  );
  assertEquals((await Cassette.read(folder.file("c.json"))).entries.length, 3);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  const patient = flaky.retry({
    attempts: 3,
    backoff: 600_000,
    when: () => true,
  });
  assertEquals(await replayer.run(patient), "3");
  const again = await RecordReplayRunner.replay(folder.file("c.json"));
  const error = await failureOf(
    again.run(flaky.retry({ attempts: 2, backoff: 600_000, when: () => true })),
  );
  assertInstanceOf(error, SignalledError);
});

test("text with lone surrogates matches, and is replayed with replacement characters", async () => {
  await using folder = await temporaryFolder();
  const odd = new Command("x\ud800", ["\udc00a"]).cwd("/\ud800").env(
    "N\ud800",
    "v",
  );
  const script = new ScriptedRunner().fallback(Reply.ok("\ud800!"));
  await record(folder.file("c.json"), [odd], script);
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  assertEquals(await replayer.run(odd), "\ufffd!");
  assertEquals(
    await replayer.run(new Command("x\ufffd", ["\ufffda"]).cwd("/\ufffd")),
    "\ufffd!",
  );
});

test("__proto__ is an ordinary program name and argument", async () => {
  await using folder = await temporaryFolder();
  const odd = new Command("__proto__", ["__proto__", "constructor"]);
  await record(
    folder.file("c.json"),
    [odd],
    new ScriptedRunner().fallback(Reply.ok("fine")),
  );
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  assertEquals(await replayer.run(odd), "fine");
  assertInstanceOf(
    await failureOf(replayer.run(new Command("constructor"))),
    CassetteMissError,
  );
});
