// The verbs of a pipeline, what may be joined, and what goes from stage to stage.

import { readdir, symlink, writeFile } from "node:fs/promises";
import {
  Command,
  DryRunRunner,
  ExitError,
  JobRunner,
  OutputConsumedError,
  OutputTooLargeError,
  ParseError,
  Pipeline,
  type PipelineSession,
  ProcessGroup,
  type ProcessResult,
  ProcessRunner,
  RecordingRunner,
  RecordReplayRunner,
  Reply,
  type RunningProcess,
  ScriptedRunner,
  Stdin,
  StdinError,
  UnsupportedError,
  which,
} from "../../mod.ts";
import { collect, failureOf, sh, signal, textSink } from "../commands.ts";
import {
  eventually,
  isAlive,
  runtimeName,
  temporaryFolder,
  test,
} from "../harness.ts";
import { stopClock, withinAMinute } from "../held_timers.ts";
import { scriptWords } from "../runtimes.ts";
import { marked, newMark, untilNoneMarked } from "../shapes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

/** Only what hangs takes this long, in milliseconds. */
const LIMIT = 60_000;
const cat = new Command("cat");
/** The same, but this program passes the output on, since a line handler is there. */
const heardCat = cat.onStdoutLine(() => {});
const stuck = new Command("sleep", ["600"]);

test("each stage reads what the stage before it prints", async () => {
  const words = sh("printf 'b\\na\\nb\\n'");
  const unique = words.pipe(new Command("sort")).pipe(new Command("uniq"));
  assertEquals(await unique.run(), "a\nb");
  assertEquals(
    unique.commandLine(),
    "sh -c 'printf '\\''b\\na\\nb\\n'\\''' sh | sort | uniq",
  );
  const result = await unique.outputString();
  assertEquals([result.stdout, result.program], ["a\nb\n", "uniq"]);
  assert(result.duration() > 0);
});

test("the first stage reads its stdin from any source", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("input"), "from a file");
  const sources: [Stdin | string | ReadableStream<Uint8Array>, string][] = [
    ["text", "text"],
    [Stdin.fromFile(folder.file("input")), "from a file"],
    [Stdin.fromBytes(new Uint8Array([104, 105])), "hi"],
    [new Blob(["streamed"]).stream(), "streamed"],
  ];
  for (const [source, expected] of sources) {
    assertEquals(await cat.stdin(source).pipe(cat).pipe(cat).run(), expected);
  }
  const broken = new ReadableStream<Uint8Array>({
    pull() {
      throw new Error("no more");
    },
  });
  await assertRejects(() => cat.stdin(broken).pipe(cat).run(), StdinError);
});

test("a pipeline has the verbs of a command", async () => {
  const three = sh("echo three").pipe(cat);
  assertEquals((await three.checked()).stdout, "three\n");
  assertEquals(await three.exitCode(), 0);
  assertEquals(await three.probe(), true);
  assertEquals(await three.parse((text) => text.length), 6);
  assertEquals([...(await three.outputBytes()).stdout.slice(0, 2)], [116, 104]);
  const failing = sh("echo out").pipe(sh("cat; echo why >&2; exit 1"));
  assertEquals(await failing.exitCode(), 1);
  assertEquals(await failing.probe(), false);
  const result = await failing.outputString();
  assertEquals([result.stdout, result.stderr], ["out\n", "why\n"]);
  const error = await failureOf(failing.run());
  assertInstanceOf(error, ExitError);
  assertEquals([error.program, error.code, error.stdout], ["sh", 1, "out\n"]);
  await assertRejects(() => failing.checked(), ExitError);
  await assertRejects(() => sh("exit 2").pipe(cat).probe(), ExitError);
  await assertRejects(
    () => three.parse(() => JSON.parse("{")),
    ParseError,
  );
  const short = cat.outputBuffer({ maxLines: 1 });
  const long = sh("printf 'a\\nb\\n'").pipe(short);
  await assertRejects(() => long.run(), OutputTooLargeError);
  const truncated = await long.outputString();
  assertEquals([truncated.stdout, truncated.truncated], ["b\n", true]);
});

test("the output of a live pipeline is read while it runs", async () => {
  await using session = await sh("echo one; sleep 600")
    .pipe(heardCat).pipe(cat).start();
  const lines = session.stdoutLines();
  assertEquals(await lines.next(), { done: false, value: "one" });
  assertThrows(() => session.stdoutStream(), OutputConsumedError);
  assert(session.elapsed > 0);
  const pids = session.stages.map(({ pid }) => pid!);
  for (const pid of pids) assert(await isAlive(pid));
  session.kill();
  assertEquals(await collect(lines), []);
  const { outcome, program } = await session.finish();
  assertEquals([outcome, program], [{ kind: "signalled", signal: 9 }, "sh"]);
  for (const pid of pids) {
    await eventually("the stage has exited", async () => !await isAlive(pid));
  }
});

test("a live pipeline is written to through the first stage's stdin", async () => {
  await using session = await cat.keepStdinOpen().pipe(heardCat).pipe(cat)
    .start();
  const stdin = session.takeStdin()!;
  const lines = session.stdoutLines();
  for (const word of ["one", "two"]) {
    await stdin.writeLine(word);
    assertEquals((await lines.next()).value, word);
  }
  await stdin.finish();
  assertEquals((await lines.next()).done, true);
  assertEquals(await session.wait(), { kind: "exited", code: 0 });
  // A stdin that is not taken is closed by the verb.
  assertEquals(await cat.keepStdinOpen().pipe(cat).run(), "");
});

test("pipe() refuses commands that cannot be joined", () => {
  for (
    const reader of [cat.stdin("x"), cat.inheritStdin(), cat.keepStdinOpen()]
  ) {
    assertThrows(() => cat.pipe(reader), TypeError, "its own stdin");
  }
  for (const writer of [cat.stdout("null"), cat.stdoutFile("x")]) {
    assertThrows(() => writer.pipe(cat), TypeError, "is redirected");
    assertThrows(() => cat.pipe(writer).pipe(cat), TypeError, "is redirected");
  }
  assertThrows(() => new Pipeline([]), TypeError, "at least one");
  for (const stage of ["cat", undefined, cat.pipe(cat)]) {
    assertThrows(
      () => cat.pipe(stage as unknown as Command),
      TypeError,
      "expected a Command",
    );
  }
  const chain = cat.pipe(cat);
  assertThrows(
    () => chain.cancelOn({} as AbortSignal),
    TypeError,
    "expected an AbortSignal",
  );
  assertThrows(
    () => chain.withRunner({} as ProcessRunner),
    TypeError,
    "expected a ProcessRunner",
  );
  assertThrows(() => cat.pipe(cat).timeout(-1), RangeError);
  // A command in the foreground sets no stream of its own.
  cat.foreground().pipe(cat).pipe(cat.foreground());
});

test("a pipeline is immutable", async () => {
  const short = cat.stdin("a").pipe(cat);
  const timed = short.timeout(LIMIT);
  const long = timed.pipe(sh("cat; echo b"));
  assertEquals(await short.run(), "a");
  assertEquals(await long.run(), "ab");
  assertEquals((await short.outputString()).configuredTimeout, null);
});

test("the last stage's output may go to a file or be discarded", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("out");
  const result = await sh("echo x").pipe(cat.stdoutFile(path)).outputString();
  assertEquals(result.stdout, "");
  assertEquals(await cat.stdin(Stdin.fromFile(path)).run(), "x");
  assertEquals(await sh("echo x").pipe(cat.stdout("null")).run(), "");
});

test("a pipeline reads what a stage's background processes print after the stage has exited", async () => {
  // The background process may take any time to notice that the shell has exited.
  using _clock = stopClock();
  const late = "(while kill -0 $$ 2>/dev/null; do sleep 0.01; done; echo late)";
  for (
    const writer of [
      sh(`${late} & echo soon`),
      sh(`echo soon; ${late} &`).stderr("null"),
    ]
  ) {
    assertEquals(await writer.pipe(cat).run(), "soon\nlate");
    const heard: string[] = [];
    const listened = writer.onStdoutLine((line) => void heard.push(line));
    assertEquals(await listened.pipe(cat).run(), "soon\nlate");
    assertEquals(heard, ["soon", "late"]);
  }
});

test("a background process that keeps a stage's pipe open is ended after 2 seconds", async () => {
  const mark = newMark();
  const stays = sh('sleep "$1" & echo x', mark);
  const printed = await withinAMinute(Promise.all([
    stays.pipe(cat).run(),
    stays.stderr("null").pipe(cat).run(),
  ]));
  assertEquals(printed, ["x", "x"]);
  await untilNoneMarked(mark);
});

test("a stage has one descriptor of its pipe, so that the next stage sees the end", async () => {
  const script = 'list=$(ls -l /proc/$$/fd); echo "$list" >&2; ' +
    "echo a; exec >&-; sleep 600";
  await using session = await sh(script).pipe(cat).start();
  assertEquals(await collect(session.stdoutLines()), ["a"]);
  session.kill();
  const { stderr } = await session.stages[0].finish();
  const [, stdout] = / 1 -> (.*)/.exec(stderr)!;
  assert(/pipe/.test(stdout), stderr);
  assertEquals(stderr.split(` -> ${stdout}\n`).length - 1, 1);
});

test("a background process that does not have the pipe delays no stage", async () => {
  const mark = newMark();
  const detached = "</dev/null >/dev/null 2>&1 & echo hi";
  {
    // Where the pipe is still open, the library waits for 2 s.
    using _clock = stopClock();
    const daemon = sh(`sleep "$1" ${detached}`, mark);
    assertEquals(await withinAMinute(daemon.pipe(cat).run()), "hi");
    await untilNoneMarked(mark);
    const inSession = sh(`setsid sleep "$1" ${detached}`, mark);
    assertEquals(await withinAMinute(inSession.pipe(cat).run()), "hi");
  }
  // A process that called setsid on purpose stays.
  for (const pid of marked(mark)) signal(pid, "SIGKILL");
  await untilNoneMarked(mark);
});

test("outputBuffer of a stage does not limit what the next stage reads", async () => {
  const much = sh("head -c 5000 /dev/zero")
    .outputBuffer({ maxBytes: 1000, overflow: "error" });
  const count = new Command("wc", ["-c"]);
  assertEquals(Number(await much.pipe(count).run()), 5000);
  const heard = much.onStdoutLine(() => {});
  assertEquals(Number(await heard.pipe(count).run()), 5000);
});

test("handlers and tees of every stage hear what it prints", async () => {
  const heard: string[] = [];
  const { sink, text } = textSink();
  const note = (prefix: string) => (line: string) =>
    void heard.push(prefix + line);
  const result = await sh("echo x; echo e >&2").onStdoutLine(note("1 "))
    .onStderrLine(note("2 "))
    .pipe(cat.stdoutTee(sink))
    .pipe(
      cat.onStdoutLine(() => {
        throw new Error("no");
      }),
    ).outputString();
  assertEquals([result.stdout, text()], ["x\n", "x\n"]);
  assertEquals(heard.toSorted(), ["1 x", "2 e"]);
  assertEquals(result.handlerErrors().map(String), ["Error: no"]);
});

test("a stage that prints much to stderr blocks no stage", async () => {
  const noisy = sh("head -c 1000000 /dev/zero | tr '\\0' x >&2; cat");
  const result = await sh("echo x").pipe(noisy).pipe(sh("cat; exit 1"))
    .outputString();
  assertEquals([result.stdout, result.code], ["x\n", 1]);
});

test("a pipeline leaves nothing in the folder for temporary files", async () => {
  await using folder = await temporaryFolder();
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/pipeline.ts",
  );
  const command = new Command(program, args).env("TMPDIR", folder.path);
  assertEquals(await command.parse(JSON.parse), ["HELLO", "signalled"]);
  assertEquals(await readdir(folder.path), []);
});

test("where no pipe can be made, the output of a stage goes through the program to the next", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["cat", "tr", "yes", "head", "setsid", "sh"]) {
    await symlink(await which(name), folder.file(name));
  }
  const printed = async (permissions: string[], path?: string) => {
    const words = scriptWords(
      runtimeName,
      "tests/fixtures/pipeline.ts",
      permissions,
    );
    const command = new Command(words.program, words.args).timeout(LIMIT);
    return await (path === undefined ? command : command.env("PATH", path))
      .parse(JSON.parse);
  };
  assertEquals(await printed(["-A"]), ["HELLO", "signalled"]);
  const [text, ending] = await printed(["-A"], folder.path);
  assertEquals(text, "HELLO");
  // Bun gives a child a socket. When its reader is gone, `yes` may get another error.
  if (runtimeName === "bun") return;
  // Bun has no permissions, and Deno has no need of `mkfifo`.
  assertEquals(ending, "signalled");
  for (const permissions of ["--allow-run", "--allow-run=cat,tr,yes,head"]) {
    assertEquals(await printed([permissions]), ["HELLO", "signalled"]);
  }
});

test("many pipelines at once do not hold each other's pipes open", async () => {
  const runs = Array.from(
    { length: 30 },
    (_, index) => sh(`echo ${index}`).pipe(cat).pipe(cat).run(),
  );
  assertEquals(
    (await Promise.all(runs)).map(Number),
    Array.from({ length: 30 }, (_, index) => index),
  );
});

test("a process group, and a recording runner around it, start the stages", async () => {
  await using group = await ProcessGroup.create();
  const recorder = new RecordingRunner(group);
  const session: PipelineSession = await cat.stdin("x").pipe(stuck)
    .withRunner(recorder).start();
  assertEquals((await group.members()).length >= 1, true);
  assertEquals(
    recorder.calls().map(({ program, hasStdin }) => [program, hasStdin]),
    [
      ["cat", true],
      ["sleep", true],
    ],
  );
  await group.shutdown({ grace: 0 });
  assertEquals(await session.wait(), { kind: "signalled", signal: 9 });
  await session[Symbol.asyncDispose]();
});

test("scripted stages read each other's output", async () => {
  const lines: string[] = [];
  const counter = Reply.dialogue("", (line) => {
    lines.push(line);
    return `${line}!\n`;
  });
  const heard: string[] = [];
  const runner = new ScriptedRunner()
    .on(["source"], Reply.lines(["a", "b"]).withLineDelay(5))
    .on(["counter"], counter)
    .on(["sink"], Reply.ok("done\n"));
  const chain = new Command("source").pipe(
    new Command("counter").onStdoutLine((line) => void heard.push(line)),
  ).withRunner(runner);
  assertEquals(await chain.run(), "a!\nb!");
  assertEquals([lines, heard], [["a", "b"], ["a!", "b!"]]);
  const result = await chain.pipe(new Command("sink")).outputString();
  assertEquals([result.stdout, result.duration()], ["done\n", 0]);
  const dry = new DryRunRunner();
  assertEquals(await cat.pipe(stuck).withRunner(dry).run(), "");
  assertEquals(dry.commands(), ["cat", "sleep 600"]);
});

test("a scripted stage that reads nothing lets the stage before it finish, and its handlers hear every line", async () => {
  const heard: string[] = [];
  const many = Array.from({ length: 50_000 }, (_, index) => `line ${index}`);
  const runner = new ScriptedRunner()
    .on(["source"], Reply.lines(many))
    .on(["sink"], Reply.ok("done\n"));
  const source = new Command("source").onStdoutLine((line) =>
    void heard.push(line)
  );
  assertEquals(
    await source.pipe(new Command("sink")).withRunner(runner).run(),
    "done",
  );
  assertEquals(heard.length, many.length);
});

test("a scripted stage after a real one is refused, and a real stage after a scripted one is fed", async () => {
  class Mixed extends ProcessRunner {
    readonly scripted = new ScriptedRunner().fallback(Reply.ok());
    readonly real = new JobRunner();
    override outputString(): Promise<ProcessResult<string>> {
      throw new Error("not asked");
    }
    override start(command: Command): Promise<RunningProcess> {
      const { program } = command.invocation;
      return (program === "sleep" ? this.real : this.scripted).start(command);
    }
  }
  const runner = new Mixed();
  const error = await failureOf(stuck.pipe(cat).withRunner(runner).run());
  assertInstanceOf(error, UnsupportedError);
  assertStringIncludes(error.message, "real and scripted");
  // The other way round, the scripted output is fed to the real stage.
  const real = new ScriptedRunner().on(["x"], Reply.ok("hello"));
  class Fed extends Mixed {
    override start(command: Command): Promise<RunningProcess> {
      return (command.invocation.program === "x" ? real : this.real).start(
        command,
      );
    }
  }
  assertEquals(
    await new Command("x").pipe(cat).withRunner(new Fed()).run(),
    "hello",
  );
});

test("a pipeline cannot be recorded or replayed, and the message names the way out", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("cassette.json");
  const inner = new RecordingRunner(new JobRunner());
  const recorder = RecordReplayRunner.record(path, inner);
  const refused = async (runner: ProcessRunner) => {
    const error = await failureOf(
      sh("echo x").pipe(cat).withRunner(runner).run(),
    );
    assertInstanceOf(error, UnsupportedError);
    assertStringIncludes(error.message, "outputString");
    assertStringIncludes(error.message, "Stdin.fromString(result.stdout)");
  };
  await refused(recorder);
  assertEquals(inner.calls(), []);
  // The way out.
  const feed = async (runner: ProcessRunner) => {
    const { stdout } = await runner.outputString(sh("printf 'b\\na\\n'"));
    return await runner.run(
      new Command("sort").stdin(Stdin.fromString(stdout)),
    );
  };
  const recorded = await feed(recorder);
  await recorder.save();
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(await feed(replayer), recorded);
  await refused(replayer);
});
