import { readdir, symlink, writeFile } from "node:fs/promises";
import {
  CancelledError,
  Command,
  DryRunRunner,
  ExitError,
  JobRunner,
  NotFoundError,
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
  TimeoutError,
  UnsupportedError,
  which,
} from "../../mod.ts";
import {
  collect,
  countedSignal,
  failureOf,
  keeper,
  never,
  sh,
  signal,
} from "../commands.ts";
import {
  eventually,
  isAlive,
  runtimeName,
  temporaryFolder,
  test,
} from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { marked, newMark, untilNobodyHas } from "../shapes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const LONG = 20_000;
const MEGABYTE = 2 ** 20;
const cat = new Command("cat");
/** The same, with its output passed on by this program, since somebody listens to it. */
const heardCat = cat.onStdoutLine(() => {});
const stuck = new Command("sleep", ["600"]);

test("each stage reads what the one before it prints", async () => {
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

test("the first stage's stdin is honoured, wherever it comes from", async () => {
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

test("a stuck first stage with a failing last one ends at once, and leaves nothing", async () => {
  for (const between of [cat, heardCat]) {
    const mark = newMark();
    const tree = sh('sleep "$1" & setsid sleep "$1" & wait', mark);
    const started = performance.now();
    const result = await tree.pipe(between).pipe(sh("exit 7")).outputString();
    assertEquals([result.code, result.program], [7, "sh"]);
    assert(performance.now() - started < LONG);
    await untilNobodyHas(mark);
  }
});

test("the chain's deadline ends every stage, and what the last one printed is kept", async () => {
  const mark = newMark();
  const chain = sh('echo early; sleep "$1"; :', mark).pipe(cat).timeout(300);
  const result = await chain.outputString();
  assertEquals(result.outcome, { kind: "timed-out" });
  assertEquals(
    [result.stdout, result.configuredTimeout, result.program],
    ["early\n", 300, "sh"],
  );
  await untilNobodyHas(mark);
  const error = await failureOf(chain.run());
  assertInstanceOf(error, TimeoutError);
  assertEquals(error.timeout, 300);
  // The first stage has ended: who still runs is the second.
  const late = sh("exit 0").pipe(sh("sleep 600")).pipe(cat).timeout(300);
  assertEquals((await late.outputString()).program, "sh");
  assertEquals(
    (await new Pipeline([stuck]).timeout(50).outputString()).program,
    "sleep",
  );
});

test("a deadline that comes before all stages have started is one all the same", async () => {
  class Slow extends JobRunner {
    override async start(command: Command): Promise<RunningProcess> {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return await super.start(command);
    }
  }
  await using runner = new Slow();
  const chain = stuck.pipe(cat).pipe(cat).timeout(300).withRunner(runner);
  const { outcome, stdout } = await chain.outputString();
  assertEquals([outcome, stdout], [{ kind: "timed-out" }, ""]);
  await assertRejects(() => chain.start(), TimeoutError);
  await new Promise((resolve) => setTimeout(resolve, 250));
});

test("a stage's own deadline and abort signal hold", async () => {
  const timed = await cat.pipe(sh("sleep 600").timeout(100)).outputString();
  assertEquals(timed.outcome, { kind: "timed-out" });
  assertEquals([timed.program, timed.configuredTimeout], ["sh", 100]);
  const controller = new AbortController();
  const chain = stuck.pipe(cat.cancelOn(controller.signal)).outputString();
  setTimeout(() => controller.abort("enough"), 50);
  const error = await failureOf(chain);
  assertInstanceOf(error, CancelledError);
  assertEquals([error.program, error.cause], ["cat", "enough"]);
});

test("an abort ends the chain, even while a handler is pending, and wins over a failure", async () => {
  const mark = newMark();
  const controller = new AbortController();
  const tree = sh('echo x; sleep "$1"; :', mark);
  const chain = tree.pipe(cat.onStdoutLine(never)).pipe(cat)
    .cancelOn(controller.signal).run();
  setTimeout(() => controller.abort(new Error("enough")), 100);
  const error = await failureOf(chain);
  assertInstanceOf(error, CancelledError);
  assertEquals((error.cause as Error).message, "enough");
  await untilNobodyHas(mark);
  const runner = new RecordingRunner(new ScriptedRunner());
  const aborted = cat.pipe(cat).cancelOn(controller.signal).withRunner(runner);
  await assertRejects(() => aborted.run(), CancelledError);
  await assertRejects(
    () => cat.pipe(cat).cancelOn(controller.signal).run(),
    CancelledError,
  );
});

test("an abort wins over a failure, while what it has ended is not over", async () => {
  const controller = new AbortController();
  await using session = await sh("echo x; exit 3")
    .pipe(cat.onStdoutLine(never)).cancelOn(controller.signal).start();
  assertEquals(await session.stages[0].wait(), { kind: "exited", code: 3 });
  controller.abort();
  await assertRejects(() => session.wait(), CancelledError);
});

test("two stages that fail together are told apart by their places", async () => {
  const runner = new ScriptedRunner()
    .on(["first"], Reply.fail(3)).on(["second"], Reply.fail(4));
  const chain = new Command("first").pipe(new Command("second"))
    .withRunner(runner);
  assertEquals((await chain.outputString()).code, 3);
});

test("nobody listens to an abort signal any more when a pipeline is over", async () => {
  const { signal, listeners } = countedSignal();
  const chain = sh("echo x").pipe(cat).cancelOn(signal);
  assertEquals(await chain.run(), "x");
  await assertRejects(() => chain.pipe(sh("exit 3")).run(), ExitError);
  await assertRejects(
    () => chain.pipe(new Command("no-such-program")).run(),
    NotFoundError,
  );
  assertEquals(listeners(), 0);
});

test("a live chain is read while it runs", async () => {
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
    await eventually("it is gone", async () => !await isAlive(pid));
  }
});

test("a live chain is talked to by the first stage's stdin", async () => {
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
  // What nobody takes is closed by who waits.
  assertEquals(await cat.keepStdinOpen().pipe(cat).run(), "");
});

test("a live chain is shut down with a grace, and disposal leaves nothing", async () => {
  const polite = sh(
    "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
  );
  const session = await polite.pipe(sh("trap '' TERM; cat")).start();
  const lines = session.stdoutLines();
  assertEquals((await lines.next()).value, "ready");
  assertEquals(await session.shutdown(LONG), { kind: "exited", code: 0 });
  assertEquals(await collect(lines), ["bye"]);
  await session[Symbol.asyncDispose]();

  // That one of them fails on the way takes the grace of none.
  const thorough = sh(
    "trap 'sleep 0.3; echo swept; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
  );
  await using swept = await sh(
    "trap 'exit 3' TERM; while :; do sleep 0.05; done",
  )
    .pipe(thorough).start();
  await swept.stages[1].waitForLine(() => true, LONG);
  assertEquals(await swept.shutdown(LONG), { kind: "exited", code: 3 });
  assertEquals(await collect(swept.stdoutLines()), ["swept"]);

  const mark = newMark();
  const tree = sh('trap "" TERM; setsid sleep "$1" & sleep "$1"; :', mark);
  const stubborn = await tree.pipe(tree).start();
  assertEquals(await stubborn.shutdown(100), { kind: "signalled", signal: 9 });
  await untilNobodyHas(mark);
  {
    await using _disposed = await tree.pipe(tree).start();
  }
  await untilNobodyHas(mark);
});

test("when a stage fails, the stream of a live chain ends, and finish tells why", async () => {
  await using session = await sh("yes; exit 0")
    .pipe(sh("head -c 10 >/dev/null; echo why >&2; exit 5")).pipe(cat).start();
  assertEquals(await collect(session.stdoutLines()), []);
  assertEquals(await session.finish(), {
    program: "sh",
    outcome: { kind: "exited", code: 5 },
    stderr: "why\n",
  });
});

test("a stage that cannot be started ends the others", async () => {
  const mark = newMark();
  const tree = sh('sleep "$1" & sleep "$1"; :', mark);
  const error = await failureOf(
    tree.pipe(new Command("no-such-program")).pipe(cat).run(),
  );
  assertInstanceOf(error, NotFoundError);
  assertEquals(error.program, "no-such-program");
  await untilNobodyHas(mark);
  await assertRejects(
    () => new Command("no-such-program").pipe(cat).start(),
    NotFoundError,
  );
});

test("what cannot be joined is refused where it is said", () => {
  for (
    const reader of [cat.stdin("x"), cat.inheritStdin(), cat.keepStdinOpen()]
  ) {
    assertThrows(() => cat.pipe(reader), TypeError, "stdin of its own");
  }
  for (const writer of [cat.stdout("null"), cat.stdoutFile("x")]) {
    assertThrows(() => writer.pipe(cat), TypeError, "goes elsewhere");
    assertThrows(() => cat.pipe(writer).pipe(cat), TypeError, "goes elsewhere");
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
  // Who is in the foreground has said nothing of its own about its streams.
  cat.foreground().pipe(cat).pipe(cat.foreground());
});

test("a pipeline is immutable", async () => {
  const short = cat.stdin("a").pipe(cat);
  const timed = short.timeout(LONG);
  const long = timed.pipe(sh("cat; echo b"));
  assertEquals(await short.run(), "a");
  assertEquals(await long.run(), "ab");
  assertEquals((await short.outputString()).configuredTimeout, null);
});

test("the last stage's output may go elsewhere", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("out");
  const result = await sh("echo x").pipe(cat.stdoutFile(path)).outputString();
  assertEquals(result.stdout, "");
  assertEquals(await cat.stdin(Stdin.fromFile(path)).run(), "x");
  assertEquals(await sh("echo x").pipe(cat.stdout("null")).run(), "");
});

test("what a stage's background processes still print is read", async () => {
  for (
    const writer of [
      sh("(sleep 0.3; echo late) & echo soon"),
      sh("echo soon; (sleep 0.3; echo late) &").stderr("null"),
    ]
  ) {
    assertEquals(await writer.pipe(cat).run(), "soon\nlate");
    const heard: string[] = [];
    const listened = writer.onStdoutLine((line) => void heard.push(line));
    assertEquals(await listened.pipe(cat).run(), "soon\nlate");
    assertEquals(heard, ["soon", "late"]);
  }
  // Not for ever: it ends with its run.
  const mark = newMark();
  const started = performance.now();
  const stays = sh('sleep "$1" & echo x', mark);
  assertEquals(await stays.pipe(cat).run(), "x");
  assertEquals(await stays.stderr("null").pipe(cat).run(), "x");
  assert(performance.now() - started < LONG);
  await untilNobodyHas(mark);
});

test("a stage has one copy of what it writes to, and the next one sees its end", async () => {
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

test("a daemon that has nothing to do with the pipe holds up nobody", async () => {
  const mark = newMark();
  const started = performance.now();
  const detached = "</dev/null >/dev/null 2>&1 & echo hi";
  assertEquals(
    await sh(`sleep "$1" ${detached}`, mark).pipe(cat).run(),
    "hi",
  );
  await untilNobodyHas(mark);
  assertEquals(
    await sh(`setsid sleep "$1" ${detached}`, mark).pipe(cat).run(),
    "hi",
  );
  // Some milliseconds; with the patience for who might still write it is seconds.
  assert(performance.now() - started < 1500);
  // It called setsid on purpose, and stays.
  for (const pid of await marked(mark)) signal(pid, "SIGKILL");
  await untilNobodyHas(mark);
});

test("a failure ends the others at once, whatever else the one that failed has left", async () => {
  const mark = newMark();
  const started = performance.now();
  await using session = await sh('sleep "$1"; :', mark)
    .pipe(sh("sleep 600 & exit 3")).start();
  await session.stages[0].wait();
  assert(performance.now() - started < 1500);
  assertEquals(await session.wait(), { kind: "exited", code: 3 });
  await untilNobodyHas(mark);
});

test("a handler that never ends holds up no chain that has failed, but is heard out by who failed", async () => {
  const started = performance.now();
  const waiting = sh("echo x").onStdoutLine(never);
  assertEquals(await waiting.pipe(sh("exit 3")).exitCode(), 3);
  assert(performance.now() - started < LONG);
  const heard: string[] = [];
  const noisy = sh("printf '1\\n2\\n3\\n' >&2; exit 3").onStderrLine(
    async (line) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      heard.push(line);
    },
  );
  assertEquals(await stuck.pipe(noisy).exitCode(), 3);
  assertEquals(heard, ["1", "2", "3"]);
});

test("who catches a broken pipe is not to blame for the failure of its reader", async () => {
  // As an interpreter does, which takes its time to end.
  const careful = sh(
    "trap '' PIPE; while echo x; do :; done 2>/dev/null; sleep 0.3; exit 1",
  );
  const chain = careful.pipe(
    new Command("sh", ["-c", "head -c 1 >/dev/null; exit 3"]),
  );
  assertEquals((await chain.outputString()).code, 3);
});

test("who could be started only after the chain's deadline is not", async () => {
  const late = Promise.withResolvers<unknown>();
  class Late extends JobRunner {
    override async start(command: Command): Promise<RunningProcess> {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const starting = super.start(command);
      starting.then(() => late.resolve("started"), late.resolve);
      return await starting;
    }
  }
  await using runner = new Late();
  const chain = stuck.pipe(cat).timeout(50).withRunner(runner);
  assertEquals((await chain.outputString()).timedOut, true);
  assertInstanceOf(await late.promise, CancelledError);
});

test("what is kept of a stage's output has nothing to do with what goes to the next", async () => {
  const much = sh("head -c 5000 /dev/zero")
    .outputBuffer({ maxBytes: 1000, overflow: "error" });
  const count = new Command("wc", ["-c"]);
  assertEquals(Number(await much.pipe(count).run()), 5000);
  const heard = much.onStdoutLine(() => {});
  assertEquals(Number(await heard.pipe(count).run()), 5000);
});

test("handlers and tees of every stage hear what it prints", async () => {
  const heard: string[] = [];
  const { sink, text } = keeper();
  const note = (who: string) => (line: string) => void heard.push(who + line);
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

for (const stages of [2, 5, 20]) {
  test(`a hundred megabytes go through ${stages} stages in flat memory`, async () => {
    const { bytes, growth } = await sentThrough(100, stages, "unheard");
    assertEquals(bytes, 100 * MEGABYTE);
    assert(growth < 32 * MEGABYTE, `${growth / MEGABYTE} MB`);
  });
}

test("a gigabyte goes through a stage that is listened to, and little of it is in memory", async () => {
  const { bytes, growth } = await sentThrough(1000, 3, "heard");
  assertEquals(bytes, 1000 * MEGABYTE);
  // What is read is garbage right after, and is collected when the runtime sees fit.
  assert(growth < 256 * MEGABYTE, `${growth / MEGABYTE} MB`);
});

test("much on stderr in the middle stops nobody", async () => {
  const noisy = sh("head -c 1000000 /dev/zero | tr '\\0' x >&2; cat");
  const result = await sh("echo x").pipe(noisy).pipe(sh("cat; exit 1"))
    .outputString();
  assertEquals([result.stdout, result.code], ["x\n", 1]);
});

test("nothing is left in the folder for temporary files", async () => {
  await using folder = await temporaryFolder();
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/pipeline.ts",
  );
  const command = new Command(program, args).env("TMPDIR", folder.path);
  assertEquals(await command.parse(JSON.parse), ["HELLO", "signalled"]);
  assertEquals(await readdir(folder.path), []);
});

test("where no pipe can be made, what goes from stage to stage is passed on", async () => {
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
    const command = new Command(words.program, words.args).timeout(60_000);
    return await (path === undefined ? command : command.env("PATH", path))
      .parse(JSON.parse);
  };
  assertEquals(await printed(["-A"]), ["HELLO", "signalled"]);
  const [text, ending] = await printed(["-A"], folder.path);
  assertEquals(text, "HELLO");
  // Bun gives a child a socket: to lose the reader of one may be another error to `yes`.
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

test("a process group, and a runner that looks on, start the stages", async () => {
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

test("scripted stages are fed by each other", async () => {
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

test("a scripted stage that reads nothing lets the one before it finish, and be heard", async () => {
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

test("real and scripted stages are not mixed silently", async () => {
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
  // The other way round, what is scripted is fed to what is real.
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

/** Sends megabytes through a pipeline in a program of its own. */
async function sentThrough(
  megabytes: number,
  stages: number,
  heard: "heard" | "unheard",
): Promise<{ bytes: number; growth: number }> {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/big_pipeline.ts",
  );
  return await new Command(program, [
    ...args,
    String(megabytes),
    String(stages),
    heard,
  ]).parse(JSON.parse);
}
