import {
  CancelledError,
  Command,
  JobRunner,
  NotFoundError,
  OutputConsumedError,
  type ProcessEvent,
  ProcessGroup,
  type RunningProcess,
  StdinError,
  TimeoutError,
  UnsupportedError,
} from "../../mod.ts";
import { collect, failureOf, sh, sleep } from "../commands.ts";
import { eventually, isAlive, runtimeName, test } from "../harness.ts";
import { outcomeIn } from "../runtimes.ts";
import { sized } from "../size.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";
import {
  soon,
  withLongEnoughTimeout,
  withTimeoutAfterReady,
} from "./deadline.ts";

const LONG = 60_000;

/** Prints lines without end or pause. */
const endless = () => sh("while :; do echo a line; done");

test("a live process gives its lines, and finish returns its outcome and stderr", async () => {
  await using process = await sh(
    "echo one; echo two; printf three; echo err >&2; exit 3",
  )
    .start();
  assert(process.pid !== null && process.pid > 0);
  assertEquals(await collect(process.stdoutLines()), ["one", "two", "three"]);
  assertEquals(await process.finish(), {
    outcome: { kind: "exited", code: 3 },
    stderr: "err\n",
  });
  assertEquals(
    [process.stdoutLineCount, process.stdoutByteCount],
    [3, 13],
  );
  assertEquals([process.stderrLineCount, process.stderrByteCount], [1, 4]);
  assert(process.elapsed > 0);
  const ended = process.elapsed;
  await sleep(20);
  assertEquals(process.elapsed, ended);
});

test("lines can be read while the process runs", async () => {
  await using process = await sh("echo first; read x; echo $x").keepStdinOpen()
    .start();
  const lines = process.stdoutLines();
  assertEquals(await lines.next(), { value: "first", done: false });
  assert(await isAlive(process.pid!));
  await process.takeStdin()!.writeLine("second");
  assertEquals(await lines.next(), { value: "second", done: false });
  assertEquals(await lines.next(), { value: undefined, done: true });
  assertEquals(await lines.next(), { value: undefined, done: true });
});

test("several calls of next that wait get the lines in the order of the calls", async () => {
  await using process = await sh("read _; seq 4").keepStdinOpen().start();
  const lines = process.stdoutLines();
  const results = Array.from({ length: 6 }, () => lines.next());
  await process.takeStdin()!.writeLine("");
  assertEquals(
    (await Promise.all(results)).map(({ value }) => value),
    ["1", "2", "3", "4", undefined, undefined],
  );
});

test("a process runs to its end without a reader, and its output can be taken afterwards", async () => {
  await using process = await sh("seq 200000; echo done >&2").start();
  // More than a pipe holds: the process would never end if it had to wait for a reader.
  assertEquals(await process.wait(), { kind: "exited", code: 0 });
  const result = await process.outputString();
  assertEquals(result.stdout.length, 1288895);
  assertEquals([result.stderr, result.code, result.program], [
    "done\n",
    0,
    "sh",
  ]);
  assert(result.duration() > 0);
  assertEquals(process.stdoutLineCount, 200000);
});

test("stdout can be taken once, and the second consumer's error names the first", async () => {
  await using process = await sh("echo once").start();
  const lines = process.stdoutLines();
  const error = assertThrows(() => process.stdoutLines(), OutputConsumedError);
  assertEquals([error.kind, error.program, error.takenBy], [
    "output-consumed",
    "sh",
    "stdoutLines",
  ]);
  assertStringIncludes(error.message, "stdout");
  assertThrows(() => process.stdoutStream(), OutputConsumedError);
  assertThrows(() => process.events(), OutputConsumedError);
  for (
    const take of [
      () => process.outputString(),
      () => process.outputBytes(),
      () => process.waitForLine(() => true, 1000),
      () => process.waitForOutput(() => true, 1000),
    ]
  ) await assertRejects<Error>(take, OutputConsumedError, "stdoutLines");
  assertEquals(await collect(lines), ["once"]);
  await using other = await sh("echo once").start();
  assertEquals((await other.outputString()).stdout, "once\n");
  await assertRejects<Error>(
    () => other.outputString(),
    OutputConsumedError,
    "outputString",
  );
});

test("taking a stdout that is not captured is an error, never an empty stream", async () => {
  await using process = await sh("echo out; echo err >&2").stdout("null")
    .start();
  assertThrows(() => process.stdoutLines(), UnsupportedError, "stdoutLines");
  assertThrows(() => process.stdoutStream(), UnsupportedError);
  await assertRejects<Error>(
    () => process.waitForLine(() => true, 1000),
    UnsupportedError,
    "waitForLine",
  );
  const events = await collect(process.events());
  assertEquals(events.map(({ kind }) => kind), ["started", "stderr", "exited"]);
  assertEquals((await process.outputString()).stdout, "");
});

test("stdoutStream gives the bytes as they are", async () => {
  const script = "printf 'a\\000\\377'; sleep 0.05; printf '\\200\\nb'";
  await using process = await sh(script).start();
  const pieces = await collect(process.stdoutStream());
  assertEquals(pieces.flatMap((piece) => [...piece]), [
    97,
    0,
    255,
    128,
    10,
    98,
  ]);
  assertEquals((await process.finish()).outcome, { kind: "exited", code: 0 });
  assertEquals([process.stdoutLineCount, process.stdoutByteCount], [2, 6]);
});

test("the pieces of stdoutStream do not change while more is read", async () => {
  await using process = await sh("seq 1 100000").start();
  const pieces = await collect(process.stdoutStream());
  const text = await new Blob(pieces as BlobPart[]).text();
  assertEquals(text.split("\n").length, 100001);
  assert(text.endsWith("\n99999\n100000\n"));
});

test("cancelling stdoutStream stops reading, and the process goes on", async () => {
  await using process = await endless().start();
  const reader = process.stdoutStream().getReader();
  await reader.read();
  await reader.cancel();
  await sleep(50);
  assert(await isAlive(process.pid!));
});

test("events are the start, the lines of both streams, and the end", async () => {
  const script = "echo a; read _; echo b >&2; read _; printf c; exit 2";
  await using process = await sh(script).keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const events: ProcessEvent[] = [];
  for await (const event of process.events()) {
    events.push(event);
    // The child prints its next line when this one has been read.
    if ("line" in event) stdin.writeLine("");
  }
  assertEquals(events, [
    { kind: "started", pid: process.pid },
    { kind: "stdout", line: "a" },
    { kind: "stderr", line: "b" },
    { kind: "stdout", line: "c" },
    { kind: "exited", outcome: { kind: "exited", code: 2 } },
  ]);
  assertEquals((await process.finish()).stderr, "b\n");
});

test("events begin with the output from before they were taken", async () => {
  await using process = await sh("echo out; echo err >&2").start();
  await process.wait();
  const events = await collect(process.events());
  assertEquals(events.map(({ kind }) => kind).sort(), [
    "exited",
    "started",
    "stderr",
    "stdout",
  ]);
});

test("leaving the events does not end the process", async () => {
  await using process = await sh(
    "while :; do echo out; echo err >&2; done",
  ).start();
  for await (const event of process.events()) {
    if (event.kind === "stderr") break;
  }
  assert(await isAlive(process.pid!));
  process.kill();
  const { outcome, stderr } = await process.finish();
  assertEquals(outcome, { kind: "signalled", signal: 9 });
  assert(stderr.startsWith("err\n"));
});

test("unread events of stderr do not hold up disposal, a timeout or finish", async () => {
  const command = sh("yes >&2").stdout("null");
  const disposed = await command.start();
  const events = disposed.events();
  await events.next();
  await events.next();
  await disposed[Symbol.asyncDispose]();
  await using late = await command.timeout(300).start();
  await late.events().next();
  assertEquals((await late.finish()).outcome, { kind: "timed-out" });
  await using much = await sh("seq 500000 >&2").start();
  await much.events().next();
  assertEquals((await much.finish()).stderr.length, 3388895);
});

test("events can be left while one is awaited, and before the first", async () => {
  await using silent = await sh("sleep 60").start();
  const events = silent.events();
  await events.next();
  const pending = events.next();
  await sleep(50);
  await events.return!();
  assertEquals((await pending).done, true);
  await using loud = await sh("seq 500000; exit 3").start();
  await loud.events().return!();
  assertEquals((await loud.finish()).outcome, { kind: "exited", code: 3 });
});

test("events decode all of stderr as one text, also what was read before they were taken", async () => {
  /** The lines of stderr, of which the first half is printed before the events are taken. */
  const linesOf = async (process: RunningProcess) => {
    const stdin = process.takeStdin()!;
    await process.waitFor(() => process.stderrByteCount > 0, LONG);
    const events = collect(process.events());
    await stdin.writeLine("");
    return (await events).flatMap((event) =>
      event.kind === "stderr" ? [event.line] : []
    );
  };
  await using latin = await sh(
    "printf 'caf\\351\\n' >&2; read _; printf 'th\\351\\n' >&2",
  ).keepStdinOpen().encoding("latin1").start();
  assertEquals(await linesOf(latin), ["café", "thé"]);
  for (const policy of [{}, { maxLines: 100 }]) {
    await using cut = await sh(
      "printf 'a\\303' >&2; read _; printf '\\251b\\n' >&2",
    ).keepStdinOpen().outputBuffer(policy).start();
    assertEquals(await linesOf(cut), ["aéb"]);
    assertEquals((await cut.finish()).stderr, "aéb\n");
  }
});

test("handlers of stderr are awaited in order while events are read", async () => {
  const heard: string[] = [];
  await using process = await sh(
    "for n in 1 2 3; do echo $n >&2; sleep 0.02; done",
  )
    .onStderrLine(async (line) => {
      if (line === "1") await sleep(200);
      heard.push(line);
    }).start();
  await collect(process.events());
  assertEquals(heard, ["1", "2", "3"]);
});

test("a timeout, an abort and a kill end a background process that prints on after the child has exited", async () => {
  const script = "yes 2>/dev/null & echo $!";
  const abort = new AbortController();
  await using late = await sh(script).timeout(300).start();
  for await (const _ of late.stdoutLines());
  assertEquals((await late.finish()).outcome, { kind: "timed-out" });
  await using aborted = await sh(script).cancelOn(abort.signal).start();
  const read = aborted.stdoutLines();
  await read.next();
  await eventually("it has exited", async () => !await isAlive(aborted.pid!));
  abort.abort();
  await soon(collect(read));
  await assertRejects(() => aborted.finish(), CancelledError);
  await using killed = await sh(script).start();
  const lines = killed.stdoutLines();
  const holder = Number((await lines.next()).value);
  await killed.wait();
  killed.kill();
  await eventually("the holder is gone", async () => !await isAlive(holder));
});

test("a shorter shutdown and a timeout cut short the grace of a shutdown", async () => {
  const stubborn = sh("trap '' TERM; echo up; : >\"$1\"; exec sleep 600");
  await using process = await stubborn.arg("/dev/null").start();
  await process.waitForLine((line) => line === "up", LONG);
  const slow = process.shutdown(600_000);
  const killed = { kind: "signalled", signal: 9 } as const;
  assertEquals(await soon(process.shutdown(100)), killed);
  assertEquals(await slow, killed);
  const outcome = await withTimeoutAfterReady(async (timeout, ready) => {
    await using bounded = await stubborn.arg(ready).timeout(timeout)
      .timeoutGrace(100).start();
    const up = bounded.waitForLine((line) => line === "up", LONG);
    await up.catch(() => {});
    return await bounded.shutdown(600_000);
  });
  assertEquals(outcome, { kind: "timed-out" });
});

test("breaking out of the lines does not end the process, and disposing does", async () => {
  let pid = 0;
  {
    await using process = await endless().start();
    pid = process.pid!;
    for await (const line of process.stdoutLines()) {
      assertEquals(line, "a line");
      break;
    }
    await sleep(100);
    assert(await isAlive(pid));
    assertThrows(() => process.stdoutLines(), OutputConsumedError);
  }
  assert(!await isAlive(pid));
});

test("after a break finish reads the rest of the output", async () => {
  await using process = await sh("seq 500000; echo bye >&2; exit 5").start();
  for await (const line of process.stdoutLines()) if (line === "3") break;
  assertEquals(await process.finish(), {
    outcome: { kind: "exited", code: 5 },
    stderr: "bye\n",
  });
});

test("disposing a process ends the processes that it has started", async () => {
  let pids: number[] = [];
  {
    await using process = await sh(
      "sleep 600 & echo $!; sleep 600 & echo $!; wait",
    )
      .start();
    const lines = process.stdoutLines();
    pids = [process.pid!, Number((await lines.next()).value)];
    pids.push(Number((await lines.next()).value));
  }
  for (const pid of pids) {
    await eventually(`${pid} is gone`, async () => !await isAlive(pid));
  }
});

test("disposing a process ends its reader, and wait returns the outcome", async () => {
  const process = await endless().start();
  const lines = process.stdoutLines();
  await lines.next();
  const waiting = process.wait();
  await process[Symbol.asyncDispose]();
  assertEquals(await lines.next(), { value: undefined, done: true });
  assertEquals(await waiting, { kind: "signalled", signal: 9 });
  await process[Symbol.asyncDispose]();
});

test("a process that ends by itself need not be disposed of", async () => {
  const process = await sh("echo unread").start();
  await eventually("it has ended", async () => !await isAlive(process.pid!));
});

test("kill ends a process at once, and shutdown gives it time to end by itself", async () => {
  await using killed = await sh("trap '' TERM; sleep 60 & wait").start();
  killed.kill();
  assertEquals(await killed.wait(), { kind: "signalled", signal: 9 });
  // A child that is forked under a trap may miss the signal until it has executed
  // its program: sleep is started before.
  await using polite = await sh(
    "sleep 60 & trap 'echo bye; exit 4' TERM; echo up; wait",
  ).start();
  await polite.waitForLine((line) => line === "up", LONG);
  assertEquals(await soon(polite.shutdown(LONG)), { kind: "exited", code: 4 });
  assertEquals((await polite.outputString()).stdout, "bye\n");
  await using stubborn = await sh("trap '' TERM; echo up; exec sleep 60")
    .start();
  await stubborn.waitForLine((line) => line === "up", LONG);
  const started = performance.now();
  assertEquals(await stubborn.shutdown(300), { kind: "signalled", signal: 9 });
  assert(performance.now() - started >= 290);
  await assertRejects<Error>(() => stubborn.shutdown(-1), RangeError);
  assertEquals(await stubborn.shutdown(100), { kind: "signalled", signal: 9 });
});

test("a timeout ends the stream, and finish reports it", async () => {
  const [lines, end] = await withTimeoutAfterReady(async (timeout, ready) => {
    const script = 'echo one; echo err >&2; : >"$1"; sleep 60';
    await using process = await sh(script, ready).timeout(timeout).start();
    return [await collect(process.stdoutLines()), await process.finish()];
  });
  assertEquals(lines, ["one"]);
  assertEquals(end, { outcome: { kind: "timed-out" }, stderr: "err\n" });
});

test("output from the grace of a timeout reaches the reader", async () => {
  const [lines, end] = await withTimeoutAfterReady(async (timeout, ready) => {
    const script =
      "sleep 60 & trap 'echo bye; exit' TERM; echo up; : >\"$1\"; wait";
    await using process = await sh(script, ready).timeout(timeout)
      .timeoutGrace(LONG).start();
    return [await collect(process.stdoutLines()), await process.finish()];
  });
  assertEquals(lines, ["up", "bye"]);
  assertEquals(end.outcome, { kind: "timed-out" });
});

test("a timeout ends the stream of a slow reader", async () => {
  await using process = await endless().timeout(200).start();
  let lines = 0;
  for await (const _ of process.stdoutLines()) {
    lines++;
    await sleep(20);
  }
  // Thousands of lines were left to read.
  assert(lines < 500, `${lines}`);
  assertEquals((await process.finish()).outcome, { kind: "timed-out" });
});

test("an abort ends the stream, and finish rejects with the signal's reason", async () => {
  const abort = new AbortController();
  await using process = await sh("echo one; sleep 600").cancelOn(abort.signal)
    .start();
  const lines: string[] = [];
  for await (const line of process.stdoutLines()) {
    lines.push(line);
    abort.abort("enough");
  }
  assertEquals(lines, ["one"]);
  assert(process.elapsed < 60_000);
  const error = await failureOf(process.finish());
  assertInstanceOf(error, CancelledError);
  assertEquals(error.cause, "enough");
  await assertRejects(() => process.wait(), CancelledError);
  assert(!await isAlive(process.pid!));
});

test("the events of an aborted run have no exited event", async () => {
  const abort = new AbortController();
  await using process = await sh("echo one; sleep 600").cancelOn(abort.signal)
    .start();
  const kinds: string[] = [];
  for await (const event of process.events()) {
    kinds.push(event.kind);
    if (event.kind === "stdout") abort.abort();
  }
  assertEquals(kinds, ["started", "stdout"]);
  assert(process.elapsed < 60_000);
});

test("start rejects for an abort signal that has fired already", async () => {
  await assertRejects(
    () => sh("sleep 60").cancelOn(AbortSignal.abort()).start(),
    CancelledError,
  );
});

test("a timeout does not apply to a reader that goes on after the process has ended", async () => {
  const { lines, outcome } = await withLongEnoughTimeout(
    async (timeout) => {
      await using process = await sh("seq 3").timeout(timeout).start();
      const lines: string[] = [];
      let endedAfter = Infinity;
      for await (const line of process.stdoutLines()) {
        lines.push(line);
        // When the process has ended, its elapsed time stands still.
        await soon(process.finish());
        endedAfter = process.elapsed;
        await sleep(timeout);
      }
      const { outcome } = await process.finish();
      return { lines, outcome, isInTime: endedAfter < timeout / 2 };
    },
    ({ isInTime }) => isInTime,
  );
  assertEquals(lines, ["1", "2", "3"]);
  assertEquals(outcome, { kind: "exited", code: 0 });
});

test("finish returns the outcome although a reader has lines left to read", async () => {
  // Ten pieces, of which some wait in the pipe.
  const script = "for n in 0 1 2 3 4 5 6 7 8 9; do echo $n; sleep 0.02; done";
  await using process = await sh(script).start();
  const lines = process.stdoutLines();
  assertEquals((await lines.next()).value, "0");
  const { outcome } = await soon(process.finish());
  assertEquals(outcome, { kind: "exited", code: 0 });
  assertEquals((await collect(lines)).length, 9);
});

test("lines that were read before stdout is taken are counted once", async () => {
  await using process = await sh("echo a; echo b; printf c; read x; echo d")
    .keepStdinOpen().start();
  await process.waitFor(() => process.stdoutByteCount === 5, LONG);
  assertEquals(process.stdoutLineCount, 2);
  const lines = process.stdoutLines();
  await process.takeStdin()!.writeLine("");
  assertEquals(await collect(lines), ["a", "b", "cd"]);
  assertEquals(process.stdoutLineCount, 3);
});

test("stderr is drained while stdout is read line by line", async () => {
  const script = "seq 100000 >&2; echo out; seq 100000 >&2; echo end";
  await using process = await sh(script).start();
  assertEquals(await collect(process.stdoutLines()), ["out", "end"]);
  assertEquals((await process.finish()).stderr.length, 2 * 588895);
});

test("start fails for a missing program, and a stdin source that fails ends the process", async () => {
  await assertRejects(
    () => new Command("no-such-program").start(),
    NotFoundError,
  );
  const broken = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.error(new Error("torn"));
    },
  });
  await using process = await new Command("cat").stdin(broken).start();
  assertEquals(await collect(process.stdoutLines()), []);
  await assertRejects(() => process.finish(), StdinError, "torn");
});

test("handlers get the lines of a live process, whether they are read or not", async () => {
  const heard: string[] = [];
  const command = sh("echo a; echo b; echo c >&2")
    .onStdoutLine((line) => void heard.push(line))
    .onStderrLine((line) => void heard.push(line));
  await using unread = await command.start();
  await unread.wait();
  assertEquals(heard.sort(), ["a", "b", "c"]);
  heard.length = 0;
  await using read = await command.start();
  assertEquals(await collect(read.stdoutLines()), ["a", "b"]);
  await read.finish();
  assertEquals(heard.sort(), ["a", "b", "c"]);
  await using failing = await sh("echo a").onStdoutLine(() => {
    throw new Error("broken");
  }).start();
  assertEquals(await collect(failing.stdoutLines()), ["a"]);
  await failing.finish();
  assertEquals(failing.handlerErrors().map(String), ["Error: broken"]);
});

test("disposing one process of a group leaves the others alone", async () => {
  await using group = await ProcessGroup.create();
  await using stays = await group.start(sh("echo up; sleep 60"));
  await stays.waitForLine((line) => line === "up", LONG);
  {
    await using goes = await group.start(sh("echo up; sleep 60"));
    await goes.waitForLine((line) => line === "up", LONG);
    assert((await group.members()).includes(goes.pid!));
  }
  assert(await isAlive(stays.pid!));
  assert((await group.members()).includes(stays.pid!));
  group.killAll();
  assertEquals(await stays.wait(), { kind: "signalled", signal: 9 });
});

test("disposing a group or a runner ends its processes", async () => {
  const group = await ProcessGroup.create();
  const member = await group.start(sh("sleep 60"));
  await group[Symbol.asyncDispose]();
  assertEquals(await member.wait(), { kind: "signalled", signal: 9 });
  const runner = new JobRunner();
  const run = await runner.start(sh("sleep 60"));
  await runner[Symbol.asyncDispose]();
  assertEquals(await run.wait(), { kind: "signalled", signal: 9 });
});

test("the lines of a process in a cgroup of its own can be read", async () => {
  await using runner = new JobRunner({ containment: "auto" });
  await using process = await runner.start(
    sh("seq 3; setsid sleep 60 >/dev/null 2>&1 &"),
  );
  assertEquals(await collect(process.stdoutLines()), ["1", "2", "3"]);
});

test("firstLine returns the first line that matches, and ends the process", async () => {
  const command = sh("echo $$; seq 3; sleep 60");
  let pid = 0;
  const found = await command.firstLine((line) => {
    pid ||= Number(line);
    return line === "2";
  });
  assertEquals(found, "2");
  assert(pid > 0 && !await isAlive(pid));
  assertEquals(await new Command("yes").firstLine((line) => line === "y"), "y");
});

test("firstLine closes a stdin that the command leaves open", async () => {
  const found = await new Command("cat").keepStdinOpen().firstLine(() => true);
  assertEquals(found, undefined);
});

test("firstLine returns undefined if no line matches, whatever the exit code", async () => {
  const none = () => false;
  assertEquals(await sh("seq 3; exit 3").firstLine(none), undefined);
  assertEquals(await sh("kill -9 $$").firstLine(none), undefined);
});

test("firstLine rejects for a timeout, an abort and a predicate that throws", async () => {
  await withTimeoutAfterReady(async (timeout, ready) => {
    const script = 'echo x; echo why >&2; : >"$1"; sleep 60';
    const late = await failureOf(
      sh(script, ready).timeout(timeout).firstLine(() => false),
    );
    assertInstanceOf(late, TimeoutError);
    assertEquals([late.timeout, late.stderr], [timeout, "why\n"]);
  });
  const abort = new AbortController();
  const aborted = sh("echo x; sleep 600").cancelOn(abort.signal).firstLine(
    () => {
      abort.abort();
      return false;
    },
  );
  assertInstanceOf(await soon(failureOf(aborted)), CancelledError);
  await assertRejects<Error>(
    () =>
      new Command("yes").firstLine(() => {
        throw new Error("mine");
      }),
    Error,
    "mine",
  );
});

test("profile reports the processor time and the most memory that a run has used", async () => {
  // Fills 64 MB of memory, which takes time, and keeps them until a line comes on stdin.
  const script =
    "x=$(head -c 64000000 /dev/zero | tr '\\0' x); echo up; read _; exit 3";
  const turns = Promise.withResolvers<void>();
  await using process = await sh(script).keepStdinOpen()
    .onStdoutLine(async () => {
      // Timers fire in order: by the end of each turn there is one more sample.
      for (let turn = 0; turn < 6; turn++) await sleep(21);
      turns.resolve();
    }).start();
  const stdin = process.takeStdin()!;
  turns.promise.then(() => stdin.writeLine(""));
  const profile = await process.profile(20);
  assertEquals(profile.outcome, { kind: "exited", code: 3 });
  assert(
    profile.cpuTime !== null && profile.cpuTime >= 50,
    `${profile.cpuTime}`,
  );
  assert(
    profile.peakMemory !== null && profile.peakMemory > 50e6,
    `${profile.peakMemory}`,
  );
  assert(profile.samples > 5 && profile.duration > 100);
  await using ended = await sh("true").start();
  await ended.wait();
  assertEquals((await ended.profile(20)).samples, 0);
  await assertRejects<Error>(() => ended.profile(0), RangeError);
});

test("a live process reports death by a real-time signal", async () => {
  const answer = await outcomeIn(runtimeName, {
    program: "sh",
    args: ["-c", "echo x; kill -40 $$"],
    live: true,
  });
  assertEquals([answer.outcome, answer.stdout], [
    { kind: "signalled", signal: 40 },
    "x\n",
  ]);
});

test("many streams that are read at once all come to their end", async () => {
  const count = sized(50, 500);
  const ended = Array.from({ length: count }, async (_, index) => {
    await using process = await sh('seq "$1" 2000', String(index)).start();
    let sum = 0;
    for await (const line of process.stdoutLines()) sum += Number(line);
    const { outcome } = await process.finish();
    return [sum, outcome.kind];
  });
  const total = 2000 * 2001 / 2;
  assertEquals(
    await Promise.all(ended),
    Array.from({ length: count }, (_, index) => [
      total - (index - 1) * index / 2,
      "exited",
    ]),
  );
});

test("many processes that are disposed of while they print all end", async () => {
  const count = sized(20, 500);
  const pids = await Promise.all(Array.from({ length: count }, async () => {
    await using process = await endless().start();
    await process.stdoutLines().next();
    return process.pid!;
  }));
  const alive = await Promise.all(pids.map(isAlive));
  assertEquals(alive.filter((isThere) => isThere).length, 0);
});
