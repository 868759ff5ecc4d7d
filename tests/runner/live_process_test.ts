import {
  CancelledError,
  Command,
  JobRunner,
  NotFoundError,
  OutputConsumedError,
  type ProcessEvent,
  ProcessGroup,
  StdinError,
  TimeoutError,
  UnsupportedError,
} from "../../mod.ts";
import { collect, failureOf, sh, sleep } from "../commands.ts";
import { eventually, isAlive, runtimeName, test } from "../harness.ts";
import { outcomeIn } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

/** Prints lines for ever, as fast as it may. */
const endless = () => sh("while :; do echo a line; done");

test("a started process gives its lines, and then how it ended and its stderr", async () => {
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

test("lines come while the process is running", async () => {
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

test("several lines that are asked for at once come in the order of asking", async () => {
  await using process = await sh("sleep 0.1; seq 4").start();
  const lines = process.stdoutLines();
  const asked = Array.from({ length: 6 }, () => lines.next());
  assertEquals(
    (await Promise.all(asked)).map(({ value }) => value),
    ["1", "2", "3", "4", undefined, undefined],
  );
});

test("nobody has to read: what was printed meanwhile is there afterwards", async () => {
  await using process = await sh("seq 200000; echo done >&2").start();
  // More than a pipe holds: it would never end if it had to wait for a reader.
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

test("stdout is taken once, and who comes second is told by whom", async () => {
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

test("a stdout that is not captured is refused, never an empty stream", async () => {
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

test("the raw bytes come as a stream, whatever they are", async () => {
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

test("a stream's pieces stay as they were while more is read", async () => {
  await using process = await sh("seq 1 100000").start();
  const pieces = await collect(process.stdoutStream());
  const text = await new Blob(pieces as BlobPart[]).text();
  assertEquals(text.split("\n").length, 100001);
  assert(text.endsWith("\n99999\n100000\n"));
});

test("a stream that is cancelled stops reading, and the process goes on", async () => {
  await using process = await endless().start();
  const reader = process.stdoutStream().getReader();
  await reader.read();
  await reader.cancel();
  await sleep(50);
  assert(await isAlive(process.pid!));
});

test("events are the start, the lines of both streams, and the end", async () => {
  const script = "echo a; sleep 0.1; echo b >&2; sleep 0.1; printf c; exit 2";
  await using process = await sh(script).start();
  const events = await collect<ProcessEvent>(process.events());
  assertEquals(events, [
    { kind: "started", pid: process.pid },
    { kind: "stdout", line: "a" },
    { kind: "stderr", line: "b" },
    { kind: "stdout", line: "c" },
    { kind: "exited", outcome: { kind: "exited", code: 2 } },
  ]);
  assertEquals((await process.finish()).stderr, "b\n");
});

test("events begin with what was printed before anybody asked", async () => {
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

test("who leaves the events ends nothing", async () => {
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

test("events of stderr alone hold nobody up: not disposal, nor a timeout, nor finish", async () => {
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

test("events are left at once, also before the first and while one is waited for", async () => {
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

test("stderr that came before the events is told as what it is", async () => {
  await using latin = await sh(
    "printf 'caf\\351\\n' >&2; sleep 0.3; printf 'th\\351\\n' >&2",
  )
    .encoding("latin1").start();
  await latin.waitFor(() => latin.stderrByteCount > 0, 20_000);
  const lines = async (process: typeof latin) =>
    (await collect(process.events())).flatMap((event) =>
      event.kind === "stderr" ? [event.line] : []
    );
  assertEquals(await lines(latin), ["café", "thé"]);
  for (const policy of [{}, { maxLines: 100 }]) {
    await using cut = await sh(
      "printf 'a\\303' >&2; sleep 0.3; printf '\\251b\\n' >&2",
    )
      .outputBuffer(policy).start();
    await cut.waitFor(() => cut.stderrByteCount > 0, 20_000);
    assertEquals(await lines(cut), ["aéb"]);
    assertEquals((await cut.finish()).stderr, "aéb\n");
  }
});

test("handlers of stderr are awaited, and in order, while its events are read", async () => {
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

test("a deadline, an abort and a kill reach who holds a stream open when the child has ended", async () => {
  const script = "yes 2>/dev/null & echo $!";
  const abort = new AbortController();
  await using late = await sh(script).timeout(300).start();
  for await (const _ of late.stdoutLines());
  assertEquals((await late.finish()).outcome, { kind: "timed-out" });
  await using aborted = await sh(script).cancelOn(abort.signal).start();
  setTimeout(() => abort.abort(), 200);
  for await (const _ of aborted.stdoutLines());
  await assertRejects(() => aborted.finish(), CancelledError);
  await using killed = await sh(script).start();
  const lines = killed.stdoutLines();
  const holder = Number((await lines.next()).value);
  await killed.wait();
  killed.kill();
  await eventually("the holder is gone", async () => !await isAlive(holder));
});

test("a shutdown is no longer than a shorter one, or a deadline, that comes meanwhile", async () => {
  const stubborn = sh("trap '' TERM; echo up; while :; do sleep 0.02; done");
  await using process = await stubborn.start();
  await process.waitForLine((line) => line === "up", 20_000);
  const started = performance.now();
  const slow = process.shutdown(60_000);
  await process.shutdown(100);
  await slow;
  await using bounded = await stubborn.timeout(300).timeoutGrace(100).start();
  await bounded.waitForLine((line) => line === "up", 20_000);
  assertEquals(await bounded.shutdown(60_000), { kind: "timed-out" });
  assert(performance.now() - started < 20_000);
});

test("breaking out of the lines does not end the process; disposing does", async () => {
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

test("what is printed after the break is read to the end by finish", async () => {
  await using process = await sh("seq 500000; echo bye >&2; exit 5").start();
  for await (const line of process.stdoutLines()) if (line === "3") break;
  assertEquals(await process.finish(), {
    outcome: { kind: "exited", code: 5 },
    stderr: "bye\n",
  });
});

test("disposing ends what the process has started as well", async () => {
  let pids: number[] = [];
  {
    await using process = await sh(
      "sleep 60 & echo $!; sleep 60 & echo $!; wait",
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

test("after disposal a reader is at its end, and waiting tells how it ended", async () => {
  const process = await endless().start();
  const lines = process.stdoutLines();
  await lines.next();
  const waiting = process.wait();
  await process[Symbol.asyncDispose]();
  assertEquals(await lines.next(), { value: undefined, done: true });
  assertEquals(await waiting, { kind: "signalled", signal: 9 });
  await process[Symbol.asyncDispose]();
});

test("a handle may be left to itself when the process ends by itself", async () => {
  const process = await sh("echo unread").start();
  await eventually("it has ended", async () => !await isAlive(process.pid!));
});

test("kill ends it at once, and shutdown lets it go by itself first", async () => {
  await using killed = await sh("trap '' TERM; sleep 60 & wait").start();
  killed.kill();
  assertEquals(await killed.wait(), { kind: "signalled", signal: 9 });
  await using polite = await sh(
    "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.02; done",
  ).start();
  await polite.waitForLine((line) => line === "up", 10_000);
  assertEquals(await polite.shutdown(20_000), { kind: "exited", code: 4 });
  assertEquals((await polite.outputString()).stdout, "bye\n");
  await using stubborn = await sh(
    "trap '' TERM; echo up; while :; do sleep 0.02; done",
  ).start();
  await stubborn.waitForLine((line) => line === "up", 10_000);
  const started = performance.now();
  assertEquals(await stubborn.shutdown(300), { kind: "signalled", signal: 9 });
  assert(performance.now() - started >= 290);
  await assertRejects<Error>(() => stubborn.shutdown(-1), RangeError);
  assertEquals(await stubborn.shutdown(100), { kind: "signalled", signal: 9 });
});

test("a timeout bounds a stream too: it ends, and finish reports it", async () => {
  await using process = await sh("echo one; echo err >&2; sleep 60").timeout(
    300,
  ).start();
  assertEquals(await collect(process.stdoutLines()), ["one"]);
  assertEquals(await process.finish(), {
    outcome: { kind: "timed-out" },
    stderr: "err\n",
  });
});

test("what is printed in the grace of a timeout still reaches the reader", async () => {
  const script =
    "trap 'echo bye; exit' TERM; echo up; while :; do sleep 0.02; done";
  await using process = await sh(script).timeout(300).timeoutGrace(20_000)
    .start();
  assertEquals(await collect(process.stdoutLines()), ["up", "bye"]);
  assertEquals((await process.finish()).outcome, { kind: "timed-out" });
});

test("a timeout ends the stream of a reader who is slow", async () => {
  await using process = await endless().timeout(200).start();
  let lines = 0;
  const started = performance.now();
  for await (const _ of process.stdoutLines()) {
    lines++;
    await sleep(20);
  }
  // It had thousands of lines waiting.
  assert(performance.now() - started < 10_000 && lines < 500, `${lines}`);
  assertEquals((await process.finish()).outcome, { kind: "timed-out" });
});

test("an abort ends a stream, and finish rejects with its reason", async () => {
  const abort = new AbortController();
  await using process = await sh("echo one; sleep 60").cancelOn(abort.signal)
    .start();
  const lines: string[] = [];
  for await (const line of process.stdoutLines()) {
    lines.push(line);
    abort.abort("enough");
  }
  assertEquals(lines, ["one"]);
  const error = await failureOf(process.finish());
  assertInstanceOf(error, CancelledError);
  assertEquals(error.cause, "enough");
  await assertRejects(() => process.wait(), CancelledError);
  assert(!await isAlive(process.pid!));
});

test("an aborted run has events without an end", async () => {
  const abort = new AbortController();
  await using process = await sh("echo one; sleep 60").cancelOn(abort.signal)
    .start();
  const kinds: string[] = [];
  for await (const event of process.events()) {
    kinds.push(event.kind);
    if (event.kind === "stdout") abort.abort();
  }
  assertEquals(kinds, ["started", "stdout"]);
});

test("a signal that has fired already starts nothing", async () => {
  await assertRejects(
    () => sh("sleep 60").cancelOn(AbortSignal.abort()).start(),
    CancelledError,
  );
});

test("a deadline passes no judgement on who reads on after the process has ended", async () => {
  await using process = await sh("seq 3").timeout(500).start();
  const lines: string[] = [];
  for await (const line of process.stdoutLines()) {
    lines.push(line);
    await sleep(300);
  }
  assertEquals(lines, ["1", "2", "3"]);
  assertEquals((await process.finish()).outcome, { kind: "exited", code: 0 });
});

test("how it ended is told while a reader has yet to come to the end", async () => {
  // Ten pieces, of which some wait in the pipe.
  const script = "for n in 0 1 2 3 4 5 6 7 8 9; do echo $n; sleep 0.02; done";
  await using process = await sh(script).start();
  const lines = process.stdoutLines();
  assertEquals((await lines.next()).value, "0");
  assertEquals((await process.finish()).outcome, { kind: "exited", code: 0 });
  assertEquals((await collect(lines)).length, 9);
});

test("lines that came before anybody took them are counted once", async () => {
  await using process = await sh("echo a; echo b; printf c; read x; echo d")
    .keepStdinOpen().start();
  await process.waitFor(() => process.stdoutByteCount === 5, 20_000);
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

test("what refuses a run refuses a start, and a source that fails ends it", async () => {
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

test("handlers hear the lines of a live process, whoever reads them", async () => {
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
    throw new Error("deaf");
  }).start();
  assertEquals(await collect(failing.stdoutLines()), ["a"]);
  await failing.finish();
  assertEquals(failing.handlerErrors().map(String), ["Error: deaf"]);
});

test("disposing a process of a group ends that one alone", async () => {
  await using group = await ProcessGroup.create();
  await using stays = await group.start(sh("echo up; sleep 60"));
  await stays.waitForLine((line) => line === "up", 10_000);
  {
    await using goes = await group.start(sh("echo up; sleep 60"));
    await goes.waitForLine((line) => line === "up", 10_000);
    assert((await group.members()).includes(goes.pid!));
  }
  assert(await isAlive(stays.pid!));
  assert((await group.members()).includes(stays.pid!));
  group.killAll();
  assertEquals(await stays.wait(), { kind: "signalled", signal: 9 });
});

test("a process ends with its group, and with its runner", async () => {
  const group = await ProcessGroup.create();
  const member = await group.start(sh("sleep 60"));
  await group[Symbol.asyncDispose]();
  assertEquals(await member.wait(), { kind: "signalled", signal: 9 });
  const runner = new JobRunner();
  const run = await runner.start(sh("sleep 60"));
  await runner[Symbol.asyncDispose]();
  assertEquals(await run.wait(), { kind: "signalled", signal: 9 });
});

test("a process in a cgroup of its own streams as any other", async () => {
  await using runner = new JobRunner({ containment: "auto" });
  await using process = await runner.start(
    sh("seq 3; setsid sleep 60 >/dev/null 2>&1 &"),
  );
  assertEquals(await collect(process.stdoutLines()), ["1", "2", "3"]);
});

test("firstLine finds its line and ends the process", async () => {
  const command = sh("echo $$; seq 3; while :; do sleep 0.05; done");
  let pid = 0;
  const found = await command.firstLine((line) => {
    pid ||= Number(line);
    return line === "2";
  });
  assertEquals(found, "2");
  assert(pid > 0 && !await isAlive(pid));
  assertEquals(await new Command("yes").firstLine((line) => line === "y"), "y");
});

test("firstLine lets a program that reads what nobody can write see its end", async () => {
  const found = await new Command("cat").keepStdinOpen().firstLine(() => true);
  assertEquals(found, undefined);
});

test("firstLine without such a line is undefined, whatever the exit code", async () => {
  const never = () => false;
  assertEquals(await sh("seq 3; exit 3").firstLine(never), undefined);
  assertEquals(await sh("kill -9 $$").firstLine(never), undefined);
  const late = await failureOf(
    sh("echo x; echo why >&2; sleep 60").timeout(200).firstLine(never),
  );
  assertInstanceOf(late, TimeoutError);
  assertEquals([late.timeout, late.stderr], [200, "why\n"]);
  await assertRejects(
    () => sh("sleep 60").cancelOn(AbortSignal.timeout(100)).firstLine(never),
    CancelledError,
  );
  await assertRejects<Error>(
    () =>
      new Command("yes").firstLine(() => {
        throw new Error("mine");
      }),
    Error,
    "mine",
  );
});

test("what the system tells of a run comes with its profile", async () => {
  const busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
  const large = "dd if=/dev/zero of=/dev/null bs=60M count=60 2>/dev/null";
  await using process = await sh(`${busy}; ${large}; exit 3`).start();
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

test("a death by a real-time signal is told by a live process too", async () => {
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

test("five hundred streams at once all come to their end", async () => {
  const ended = Array.from({ length: 500 }, async (_, index) => {
    await using process = await sh('seq "$1" 2000', String(index)).start();
    let sum = 0;
    for await (const line of process.stdoutLines()) sum += Number(line);
    const { outcome } = await process.finish();
    return [sum, outcome.kind];
  });
  const total = 2000 * 2001 / 2;
  assertEquals(
    await Promise.all(ended),
    Array.from({ length: 500 }, (_, index) => [
      total - (index - 1) * index / 2,
      "exited",
    ]),
  );
});

test("five hundred streams that are left in the middle leave nobody behind", async () => {
  const pids = await Promise.all(Array.from({ length: 500 }, async () => {
    await using process = await endless().start();
    await process.stdoutLines().next();
    return process.pid!;
  }));
  const alive = await Promise.all(pids.map(isAlive));
  assertEquals(alive.filter((isThere) => isThere).length, 0);
});
