// Scripted live processes: their lines, probes and limits are those of a real process.

import {
  CancelledError,
  Command,
  DryRunRunner,
  isNotFound,
  NotReadyError,
  OutputConsumedError,
  OutputTooLargeError,
  type ProcessEvent,
  RecordingRunner,
  Reply,
  ScriptedRunner,
  SpawnError,
  StdinClosedError,
  StdinConsumedError,
  TimeoutError,
  UnsupportedError,
} from "../../mod.ts";
import { collect, failureOf, sh } from "../commands.ts";
import { test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "../std.ts";

const LONG = 60_000;
const x = new Command("x");

function scripted(reply: Reply): ScriptedRunner {
  return new ScriptedRunner().fallback(reply);
}

test("a scripted process gives its lines, and finish returns its outcome and stderr", async () => {
  const reply = Reply.fail(3, "err\n").withStdout("one\r\ntwo");
  await using process = await scripted(reply).start(x);
  assertEquals(process.pid, null);
  assertEquals(await collect(process.stdoutLines()), ["one", "two"]);
  assertEquals(await process.finish(), {
    outcome: { kind: "exited", code: 3 },
    stderr: "err\n",
  });
  assertEquals([process.stdoutLineCount, process.stderrByteCount], [2, 4]);
  assertThrows(() => process.stdoutLines(), OutputConsumedError);
});

test("a scripted process gives events, bytes, a result and a profile", async () => {
  const runner = scripted(Reply.ok("é\n").withStderr("warn\n"));
  await using events = await runner.start(x);
  assertEquals(await collect<ProcessEvent>(events.events()), [
    { kind: "started", pid: null },
    { kind: "stdout", line: "é" },
    { kind: "stderr", line: "warn" },
    { kind: "exited", outcome: { kind: "exited", code: 0 } },
  ]);
  await using stream = await runner.start(x.encoding("utf-16le"));
  const pieces = await collect(stream.stdoutStream());
  assertEquals(pieces.flatMap((piece) => [...piece]), [195, 169, 10]);
  await using whole = await runner.start(x.encoding("utf-16le"));
  assertEquals((await whole.outputString()).stdout, "é\n");
  const profiled = await runner.start(x);
  const { outcome, cpuTime, peakMemory } = await profiled.profile(10);
  assertEquals([outcome.kind, cpuTime, peakMemory], ["exited", null, null]);
});

test("an abort while a scripted process is being started ends it", async () => {
  const controller = new AbortController();
  const command = x.cancelOn(controller.signal);
  const starting = scripted(Reply.pending()).start(command);
  controller.abort();
  await using process = await starting;
  await assertRejects(() => process.wait(), CancelledError);
});

test("lines with a delay come one after the other, and can be waited for", async () => {
  const reply = Reply.lines(["booting", "ready", "serving"]).withLineDelay(50);
  const started = performance.now();
  await using process = await scripted(reply).start(x);
  assertEquals(
    await process.waitForLine((line) => line === "ready", LONG),
    "ready",
  );
  assert(performance.now() - started >= 90);
  assertEquals(await collect(process.stdoutLines()), ["serving"]);
  await using late = await scripted(reply).start(x);
  await assertRejects(
    () => late.waitForLine((line) => line === "serving", 70),
    NotReadyError,
  );
  await using never = await scripted(reply).start(x);
  await assertRejects(
    () => never.waitForLine((line) => line === "nothing", LONG),
    NotReadyError,
  );
});

test("a pending process runs until a kill, a shutdown, a timeout, an abort or disposal ends it", async () => {
  const runner = scripted(Reply.pending().withStdout("up\n").withStderr("e\n"));
  await using killed = await runner.start(x);
  await killed.waitForLine((line) => line === "up", LONG);
  // Its stderr can be read while it runs.
  await killed.waitFor(() => killed.stderrLineCount === 1, LONG);
  killed.kill();
  assertEquals(await killed.finish(), {
    outcome: { kind: "signalled", signal: 9 },
    stderr: "e\n",
  });
  await using polite = await runner.start(x);
  assertEquals(await polite.shutdown(LONG), { kind: "signalled", signal: 15 });
  await using late = await runner.start(x.timeout(100));
  assertEquals(await collect(late.stdoutLines()), ["up"]);
  assertEquals((await late.finish()).outcome, { kind: "timed-out" });
  const started = performance.now();
  const unmoved = await runner.outputString(
    x.timeout(50).timeoutSignal("SIGWINCH").timeoutGrace(300),
  );
  assert(unmoved.timedOut && performance.now() - started >= 340);
  assertEquals(unmoved.duration(), 0);
  const abort = new AbortController();
  await using aborted = await runner.start(x.cancelOn(abort.signal));
  setTimeout(() => abort.abort("enough"), 30);
  assertEquals((await failureOf(aborted.wait()) as Error).cause, "enough");
  const disposed = await runner.start(x);
  const lines = disposed.stdoutLines();
  assertEquals((await lines.next()).value, "up");
  await disposed[Symbol.asyncDispose]();
  assertEquals((await lines.next()).done, true);
});

test("a dialogue prints its prompt, and answers each line of stdin", async () => {
  const login = Reply.dialogue(
    "Password: ",
    (line) => line === "secret" ? "welcome\n> " : "wrong\nPassword: ",
  );
  await using process = await scripted(login).start(x.keepStdinOpen());
  const stdin = process.takeStdin()!;
  const prompt = () =>
    process.waitForOutput((text) => text === "Password: ", LONG);
  await prompt();
  await stdin.write("gue");
  await stdin.writeLine("ss");
  assertEquals(await process.waitForLine(() => true, LONG), "wrong");
  await prompt();
  await stdin.writeLine("secret");
  assertEquals(await process.waitForLine(() => true, LONG), "welcome");
  await stdin.finish();
  assertEquals((await process.outputString()).stdout, "> ");
});

test("many lines written to a dialogue are each answered before the next", async () => {
  const adder = Reply.dialogue("", (line) => `${Number(line) + 1}\n`);
  await using process = await scripted(adder).start(x.keepStdinOpen());
  const stdin = process.takeStdin()!;
  const lines = process.stdoutLines();
  for (let trip = 0; trip < 1000; trip++) {
    await stdin.writeLine(String(trip));
    assertEquals((await lines.next()).value, String(trip + 1));
  }
});

test("a dialogue ends when its answer is null, and its stdin is closed then", async () => {
  const reply = Reply.dialogue("> ", (line) => line === "quit" ? null : "?\n> ")
    .withStderr("bye\n");
  await using process = await scripted(reply).start(x.keepStdinOpen());
  const stdin = process.takeStdin()!;
  await stdin.writeLine("hm");
  await stdin.writeLine("quit");
  assertEquals(await process.finish(), {
    outcome: { kind: "exited", code: 0 },
    stderr: "bye\n",
  });
  await assertRejects(() => stdin.writeLine("more"), StdinClosedError);
  await using unanswered = await scripted(reply).start(x.keepStdinOpen());
  // A stdin that was not taken is closed when the end is waited for.
  assertEquals((await unanswered.outputString()).stdout, "> ");
});

test("an error that an answer throws is the run's failure", async () => {
  const broken = Reply.dialogue("> ", () => {
    throw new Error("unexpected input");
  });
  await using process = await scripted(broken).start(x.keepStdinOpen());
  await process.takeStdin()!.writeLine("anything");
  await assertRejects(() => process.finish(), Error, "unexpected input");
});

test("a dialogue answers the command's own stdin, for run and for start", async () => {
  const shout = Reply.dialogue("", (line) => `${line.toUpperCase()}\n`);
  const runner = scripted(shout);
  assertEquals(await runner.run(x.stdin("a\nb")), "A\nB");
  await using process = await runner.start(x.stdin("a\n").keepStdinOpen());
  const stdin = process.takeStdin()!;
  await stdin.write("b");
  await stdin.finish();
  assertEquals((await process.outputString()).stdout, "A\nB\n");
});

test("outputBuffer limits the output of a scripted process", async () => {
  const runner = scripted(Reply.lines(["1", "2", "3", "4"]));
  const limited = x.outputBuffer({ maxLines: 2 });
  await using process = await runner.start(limited);
  await process.wait();
  const result = await process.outputString();
  assertEquals([result.stdout, result.truncated], ["3\n4\n", true]);
  assertEquals((await runner.outputString(limited)).stdout, "3\n4\n");
  await assertRejects(() => runner.run(limited), OutputTooLargeError);
  await assertRejects(
    () => runner.run(x.outputBuffer({ maxLines: 2, overflow: "error" })),
    OutputTooLargeError,
  );
});

test("a scripted start fails as a scripted run does", async () => {
  assert(isNotFound(await failureOf(scripted(Reply.notFound()).start(x))));
  assertInstanceOf(await failureOf(new ScriptedRunner().start(x)), SpawnError);
  assertInstanceOf(
    await failureOf(
      scripted(Reply.ok()).start(x.cancelOn(AbortSignal.abort())),
    ),
    CancelledError,
  );
  const once = x.stdin(new ReadableStream<Uint8Array>());
  await using _ = await scripted(Reply.ok()).start(once);
  assertInstanceOf(
    await failureOf(scripted(Reply.ok()).start(once)),
    StdinConsumedError,
  );
  await using quiet = await scripted(Reply.ok("x")).start(x.stdout("null"));
  assertThrows(() => quiet.stdoutLines(), UnsupportedError);
});

test("firstLine works with a scripted process", async () => {
  const runner = scripted(Reply.pending().withStdout("a\nb\nc\n"));
  assertEquals(await runner.firstLine(x, (line) => line === "b"), "b");
  assertEquals(
    await scripted(Reply.fail(1).withStdout("a\n")).firstLine(x, () => false),
    undefined,
  );
  assertInstanceOf(
    await failureOf(scripted(Reply.timeout()).firstLine(x, () => false)),
    TimeoutError,
  );
});

test("a recording runner records every start, also one that fails", async () => {
  const runner = new RecordingRunner(
    new ScriptedRunner().on(["x"], Reply.ok("out\n")),
  );
  await using process = await runner.start(x.arg("--flag").keepStdinOpen());
  assertEquals(await collect(process.stdoutLines()), ["out"]);
  assert(runner.onlyCall().hasFlag("--flag"));
  await failureOf(runner.start(new Command("y")));
  await runner.firstLine(x, () => true);
  assertEquals(runner.calls().map(({ program }) => program), ["x", "y", "x"]);
});

test("a dry run's start gives a process that has exited without output", async () => {
  const runner = new DryRunRunner();
  await using process = await runner.start(sh("rm -r /"));
  assertEquals(await collect(process.stdoutLines()), []);
  assertEquals(await process.wait(), { kind: "exited", code: 0 });
  assertEquals(runner.commands().length, 1);
});
