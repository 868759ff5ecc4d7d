// How pipelines end: by deadlines, aborts, failures of stages, shutdown and disposal.

import {
  CancelledError,
  Command,
  ExitError,
  JobRunner,
  NotFoundError,
  Pipeline,
  RecordingRunner,
  Reply,
  type RunningProcess,
  ScriptedRunner,
  TimeoutError,
} from "../../mod.ts";
import {
  collect,
  countedSignal,
  failureOf,
  never,
  sh,
  sleep,
} from "../commands.ts";
import { test } from "../harness.ts";
import {
  HELD_DEADLINE,
  holdTimers,
  stopClock,
  withinAMinute,
} from "../held_timers.ts";
import { newMark, untilMarked, untilNoneMarked } from "../shapes.ts";
import { assertEquals, assertInstanceOf, assertRejects } from "../std.ts";

/** Only what hangs takes this long, in milliseconds. */
const LIMIT = 60_000;
/** A grace that no test waits for, in milliseconds. */
const LONG_GRACE = 600_000;
const cat = new Command("cat");
/** The same, but this program passes the output on, since a line handler is there. */
const heardCat = cat.onStdoutLine(() => {});
const stuck = new Command("sleep", ["600"]);

test("a failing last stage ends a first stage that would never exit, and leaves no process behind", async () => {
  for (const between of [cat, heardCat]) {
    const mark = newMark();
    const tree = sh('sleep "$1" & setsid sleep "$1" & wait', mark);
    const chain = tree.pipe(between).pipe(sh("exit 7"));
    const result = await withinAMinute(chain.outputString());
    assertEquals([result.code, result.program], [7, "sh"]);
    await untilNoneMarked(mark);
  }
});

test("a failed stage ends the others at once, although its background process still runs", async () => {
  const mark = newMark();
  // The background process could hold the pipes open for 2 s.
  using _clock = stopClock();
  await using session = await sh('sleep "$1"; :', mark)
    .pipe(sh("sleep 600 & exit 3")).start();
  await withinAMinute(session.stages[0].wait());
  const outcome = await withinAMinute(session.wait());
  assertEquals(outcome, { kind: "exited", code: 3 });
  await untilNoneMarked(mark);
});

test("a pipeline's deadline ends every stage and keeps what the last one printed", async () => {
  using deadline = holdTimers(HELD_DEADLINE);
  const mark = newMark();
  const hear = () => deadline.fire();
  const chain = sh('echo early; sleep "$1"; :', mark)
    .pipe(cat.onStdoutLine(hear)).timeout(HELD_DEADLINE);
  const result = await chain.outputString();
  assertEquals(result.outcome, { kind: "timed-out" });
  assertEquals(
    [result.stdout, result.configuredTimeout, result.program],
    ["early\n", HELD_DEADLINE, "sh"],
  );
  await untilNoneMarked(mark);
  const error = await failureOf(chain.run());
  assertInstanceOf(error, TimeoutError);
  assertEquals(error.timeout, HELD_DEADLINE);
});

test("a pipeline's deadline is reported for the leftmost stage that still runs", async () => {
  using deadline = holdTimers(HELD_DEADLINE);
  await using session = await new Command("true").pipe(sh("sleep 600"))
    .pipe(cat).timeout(HELD_DEADLINE).start();
  await session.stages[0].wait();
  deadline.fire();
  assertEquals((await session.outputString()).program, "sh");
  const single = await new Pipeline([stuck]).timeout(50).outputString();
  assertEquals(single.program, "sleep");
});

/** A runner that holds one start until its gate is opened. */
class HeldStartRunner extends JobRunner {
  /** Resolves when that start was asked for. */
  readonly asked = Promise.withResolvers<void>();
  readonly gate = Promise.withResolvers<void>();
  /** Resolves to "started", or to the error of that start. */
  readonly late = Promise.withResolvers<unknown>();
  readonly #held: number;
  #starts = 0;

  /** Holds the start of this number, counted from 0. */
  constructor(held: number) {
    super();
    this.#held = held;
  }

  override async start(command: Command): Promise<RunningProcess> {
    if (this.#starts++ === this.#held) {
      this.asked.resolve();
      await this.gate.promise;
      const starting = super.start(command);
      starting.then(() => this.late.resolve("started"), this.late.resolve);
      return await starting;
    }
    return await super.start(command);
  }
}

test("a deadline that passes before all stages have started times the pipeline out", async () => {
  using deadline = holdTimers(HELD_DEADLINE);
  const timedOut = async <T>(run: (chain: Pipeline) => Promise<T>) => {
    await using runner = new HeldStartRunner(1);
    const chain = stuck.pipe(cat).pipe(cat).timeout(HELD_DEADLINE)
      .withRunner(runner);
    const running = run(chain);
    await runner.asked.promise;
    deadline.fire();
    const end = await withinAMinute(running);
    runner.gate.resolve();
    await runner.late.promise;
    return end;
  };
  const { outcome, stdout } = await timedOut((chain) => chain.outputString());
  assertEquals([outcome, stdout], [{ kind: "timed-out" }, ""]);
  const error = await timedOut((chain) => failureOf(chain.start()));
  assertInstanceOf(error, TimeoutError);
});

test("a stage is not started after the pipeline's deadline", async () => {
  using deadline = holdTimers(HELD_DEADLINE);
  await using runner = new HeldStartRunner(0);
  const running = stuck.pipe(cat).timeout(HELD_DEADLINE).withRunner(runner)
    .outputString();
  await runner.asked.promise;
  deadline.fire();
  assertEquals((await running).timedOut, true);
  runner.gate.resolve();
  assertInstanceOf(await runner.late.promise, CancelledError);
});

test("a stage's own deadline and abort signal end the pipeline", async () => {
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

test("an abort ends the pipeline while a line handler is pending", async () => {
  const mark = newMark();
  const controller = new AbortController();
  const tree = sh('echo x; sleep "$1"; :', mark);
  const hear = () => {
    controller.abort(new Error("enough"));
    return never();
  };
  const chain = tree.pipe(cat.onStdoutLine(hear)).pipe(cat)
    .cancelOn(controller.signal).run();
  const error = await withinAMinute(failureOf(chain));
  assertInstanceOf(error, CancelledError);
  assertEquals((error.cause as Error).message, "enough");
  await untilNoneMarked(mark);
});

test("an aborted signal refuses a pipeline, of real and of scripted stages", async () => {
  const chain = cat.pipe(cat).cancelOn(AbortSignal.abort());
  const runner = new RecordingRunner(new ScriptedRunner());
  await assertRejects(() => chain.withRunner(runner).run(), CancelledError);
  await assertRejects(() => chain.run(), CancelledError);
});

test("an abort is reported instead of a failure that the pipeline has not returned yet", async () => {
  const controller = new AbortController();
  await using session = await sh("echo x; exit 3")
    .pipe(cat.onStdoutLine(never)).cancelOn(controller.signal).start();
  assertEquals(await session.stages[0].wait(), { kind: "exited", code: 3 });
  controller.abort();
  await assertRejects(() => session.wait(), CancelledError);
});

test("of two stages that fail together the left one is reported", async () => {
  const runner = new ScriptedRunner()
    .on(["first"], Reply.fail(3)).on(["second"], Reply.fail(4));
  const chain = new Command("first").pipe(new Command("second"))
    .withRunner(runner);
  assertEquals((await chain.outputString()).code, 3);
});

test("a finished pipeline leaves no listener on its abort signal", async () => {
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

test("a shutdown lets every stage exit within its grace", async () => {
  const polite = sh(
    "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done",
  );
  await using session = await polite.pipe(sh("trap '' TERM; cat")).start();
  const lines = session.stdoutLines();
  assertEquals((await lines.next()).value, "ready");
  assertEquals(await session.shutdown(LONG_GRACE), { kind: "exited", code: 0 });
  assertEquals(await collect(lines), ["bye"]);
});

test("a stage that fails during a shutdown does not shorten the grace of the others", async () => {
  // Each stage prints "ready" when its trap is set, the second one after the first.
  const failing = sh(
    "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done",
  );
  const thorough = sh(
    "trap 'sleep 0.3; echo swept; exit 0' TERM; read line; echo $line; while :; do sleep 0.05; done",
  );
  await using session = await failing.pipe(thorough).start();
  await session.stages[1].waitForLine((line) => line === "ready", LIMIT);
  assertEquals(await session.shutdown(LONG_GRACE), { kind: "exited", code: 3 });
  assertEquals(await collect(session.stdoutLines()), ["swept"]);
});

test("a shutdown kills stages that ignore SIGTERM, and their processes", async () => {
  const mark = newMark();
  const session = await ignoringTree(mark).pipe(ignoringTree(mark)).start();
  await untilMarked(mark, 6);
  assertEquals(await session.shutdown(100), { kind: "signalled", signal: 9 });
  await untilNoneMarked(mark);
});

test("the disposal of a live pipeline leaves no process behind", async () => {
  const mark = newMark();
  // At once, and when every process is there.
  for (const count of [0, 6]) {
    {
      await using _session = await ignoringTree(mark).pipe(ignoringTree(mark))
        .start();
      await untilMarked(mark, count);
    }
    await untilNoneMarked(mark);
  }
});

/** Three processes that ignore SIGTERM. */
function ignoringTree(mark: string): Command {
  return sh('trap "" TERM; setsid sleep "$1" & sleep "$1"; :', mark);
}

test("when a stage fails, the stream of a live pipeline ends, and finish() returns the failure", async () => {
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
  await untilNoneMarked(mark);
  await assertRejects(
    () => new Command("no-such-program").pipe(cat).start(),
    NotFoundError,
  );
});

test("a pending line handler does not delay a failed pipeline, unless it is the failed stage's", async () => {
  const pending = sh("echo x").onStdoutLine(never).pipe(sh("exit 3"));
  const heard: string[] = [];
  // Together the calls take longer than the half second that pending handlers get.
  const noisy = sh("printf '1\\n2\\n3\\n' >&2; exit 3").onStderrLine(
    async (line) => {
      await sleep(300);
      heard.push(line);
    },
  );
  const codes = await withinAMinute(
    Promise.all([pending.exitCode(), stuck.pipe(noisy).exitCode()]),
  );
  assertEquals(codes, [3, 3]);
  assertEquals(heard, ["1", "2", "3"]);
});

test("a reader that fails is reported, and not the writer that catches the broken pipe", async () => {
  // Like an interpreter that catches the error and takes long to exit by it.
  const careful = sh(
    "trap '' PIPE; while echo x; do :; done 2>/dev/null; sleep 600; exit 1",
  );
  const chain = careful.pipe(
    new Command("sh", ["-c", "head -c 1 >/dev/null; exit 3"]),
  );
  assertEquals((await chain.outputString()).code, 3);
});
