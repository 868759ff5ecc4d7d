// The supervisor's state machine, with a scripted runner, a clock that does not wait, and
// known random numbers. Real processes are in real_test.ts.

import {
  CancelledError,
  CassetteMissError,
  type Clock,
  Command,
  ExitError,
  JobRunner,
  NotFoundError,
  NotReadyError,
  type ProcessResult,
  ProcessRunner,
  RecordingRunner,
  RecordReplayRunner,
  Reply,
  type RunningProcess,
  ScriptedRunner,
  SignalledError,
  SpawnError,
  Stdin,
  type SupervisionStatus,
  Supervisor,
  UnsupportedError,
} from "../../mod.ts";
import { countedSignal, failureOf, never, sh } from "../commands.ts";
import { eventually, temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const x = new Command("x");

/** A clock whose sleeps take no time, and that records them. */
class TestClock implements Clock {
  readonly slept: number[] = [];
  #now = 1000;
  now(): number {
    return this.#now;
  }
  pass(ms: number): void {
    this.#now += ms;
  }
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.slept.push(ms);
    // Other tasks run meanwhile, as during a real sleep.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (!signal.aborted) this.#now += ms;
  }
}

/** A supervisor of `x`, which answers with these replies one after the other. A number is the duration of a run in milliseconds. */
function scripted(...script: (Reply | [Reply, number])[]): {
  supervisor: Supervisor;
  clock: TestClock;
  calls: RecordingRunner<ScriptedRunner>;
} {
  const clock = new TestClock();
  const replies = script.map((step) => Array.isArray(step) ? step[0] : step);
  const inner = new ScriptedRunner().onSequence(["x"], replies);
  class Timed extends RecordingRunner<ScriptedRunner> {
    override start(command: Command): Promise<RunningProcess> {
      const step = script[Math.min(this.calls().length, script.length - 1)];
      if (Array.isArray(step)) clock.pass(step[1]);
      return super.start(command);
    }
  }
  const calls = new Timed(inner);
  const supervisor = new Supervisor(x).withRunner(calls).withClock(clock)
    .jitter(0);
  return { supervisor, clock, calls };
}

const crash = Reply.fail(1, "no\n");
const success = Reply.ok("done\n");

test("by default a program that crashes is started again until it succeeds", async () => {
  const { supervisor, calls, clock } = scripted(
    crash,
    Reply.signalled(9),
    Reply.timeout(),
    Reply.notFound(),
    Reply.spawnError("no"),
    success,
  );
  const outcome = await supervisor.run();
  assertEquals(outcome, {
    reason: "policy",
    result: outcome.result,
    error: null,
    restarts: 5,
    stormPauses: 0,
    livenessKills: 0,
  });
  assertEquals(outcome.result?.stdout, "done\n");
  assertEquals(calls.calls().length, 6);
  assertEquals(clock.slept, [500, 1000, 2000, 4000, 8000]);
});

test("an exit code among okCodes is no crash", async () => {
  const { calls, clock } = scripted(crash);
  const supervisor = new Supervisor(x.okCodes([1])).withRunner(calls)
    .withClock(clock);
  assertEquals((await supervisor.run()).reason, "policy");
  assertEquals(calls.calls().length, 1);
});

test("with restart never a program is started once, whatever its outcome", async () => {
  const failed = await scripted(crash).supervisor.restart("never").run();
  assertEquals([failed.reason, failed.restarts, failed.result?.code], [
    "policy",
    0,
    1,
  ]);
  const refused = await scripted(Reply.spawnError("no")).supervisor
    .restart("never").run();
  assertEquals(refused.result, null);
  assertInstanceOf(refused.error, SpawnError);
});

test("a program that is not found at the first start is not started again", async () => {
  const { supervisor, calls } = scripted(Reply.notFound(), success);
  await assertRejects(() => supervisor.run(), NotFoundError);
  assertEquals(calls.calls().length, 1);
});

test("with restart always a program is started again after a success, up to maxRestarts", async () => {
  const { supervisor, clock } = scripted(success, crash, crash, success);
  const outcome = await supervisor.restart("always").maxRestarts(4).run();
  assertEquals([outcome.reason, outcome.restarts], ["max-restarts", 4]);
  // A success resets the back-off: the wait is the one after a first crash.
  assertEquals(clock.slept, [500, 500, 1000, 500]);
});

test("after too many crashes the outcome has the result or the error of the last one", async () => {
  const failed = await scripted(crash).supervisor.maxRestarts(2).run();
  assertEquals([failed.reason, failed.restarts, failed.result?.stderr], [
    "max-restarts",
    2,
    "no\n",
  ]);
  const none = await scripted(crash).supervisor.maxRestarts(0).run();
  assertEquals([none.reason, none.restarts], ["max-restarts", 0]);
  const refused = await scripted(crash, Reply.spawnError("gone")).supervisor
    .maxRestarts(1).run();
  assertEquals([refused.reason, refused.result], ["max-restarts", null]);
  assertInstanceOf(refused.error, SpawnError);
});

test("stopWhen ends the supervision after a success or a crash", async () => {
  const seen: (number | null)[] = [];
  const { supervisor, calls } = scripted(
    crash,
    Reply.notFound(),
    Reply.fail(7),
  );
  const outcome = await supervisor.stopWhen((result) => {
    seen.push(result.code);
    return result.code === 7;
  }).run();
  assertEquals([outcome.reason, outcome.restarts], ["stop-when", 2]);
  // stopWhen is not called for a run without a result.
  assertEquals([seen, calls.calls().length], [[1, 7], 3]);
});

test("giveUpWhen gets the error of each crash, and ends the supervision", async () => {
  const seen: unknown[] = [];
  const { supervisor } = scripted(
    crash,
    Reply.signalled(6),
    success,
    Reply.notFound(),
  );
  const outcome = await supervisor.restart("always").giveUpWhen((error) => {
    seen.push(error);
    return error instanceof NotFoundError;
  }).run();
  assertEquals([outcome.reason, outcome.restarts], ["gave-up", 3]);
  assertEquals(seen.map((error) => (error as Error).constructor), [
    ExitError,
    SignalledError,
    NotFoundError,
  ]);
});

test("the conditions that end a supervision are evaluated in a fixed order", async () => {
  const called: string[] = [];
  const conditions = (reply: Reply, stops: boolean, givesUp: boolean) => {
    called.length = 0;
    return scripted(reply).supervisor.maxRestarts(0).stopWhen(() => {
      called.push("stopWhen");
      return stops;
    }).giveUpWhen(() => {
      called.push("giveUpWhen");
      return givesUp;
    });
  };
  // stopWhen before the policy, giveUpWhen and the limit.
  for (const reply of [success, crash]) {
    assertEquals(
      (await conditions(reply, true, true).run()).reason,
      "stop-when",
    );
    assertEquals(called, ["stopWhen"]);
  }
  // The policy before giveUpWhen and the limit.
  assertEquals((await conditions(success, false, true).run()).reason, "policy");
  assertEquals(
    (await conditions(crash, false, true).restart("never").run()).reason,
    "policy",
  );
  assertEquals(called, ["stopWhen"]);
  // giveUpWhen before the limit.
  assertEquals((await conditions(crash, false, true).run()).reason, "gave-up");
  assertEquals(called, ["stopWhen", "giveUpWhen"]);
  // giveUpWhen is not called for a success, and the limit comes last.
  assertEquals(
    (await conditions(success, false, true).restart("always").run()).reason,
    "max-restarts",
  );
  assertEquals(called, ["stopWhen"]);
  assertEquals(
    (await conditions(crash, false, false).run()).reason,
    "max-restarts",
  );
  // stop before all of them: none is called.
  const session = conditions(Reply.pending(), true, true).start();
  assertEquals((await session.stop(0)).reason, "stopped");
  assertEquals(called, []);
  // An abort before that.
  const controller = new AbortController();
  const aborted = conditions(Reply.pending(), true, true)
    .cancelOn(controller.signal).start();
  controller.abort("enough");
  const stopped = aborted.stop(0);
  assertInstanceOf(await failureOf(stopped), CancelledError);
  assertEquals(called, []);
});

test("the back-off grows with every crash in a row up to maxBackoff, and resets after a long run", async () => {
  const { supervisor, clock } = scripted(
    crash,
    crash,
    crash,
    [crash, 9999],
    [crash, 10_000],
    crash,
    success,
  );
  await supervisor.backoff(100, 3).maxBackoff(1000).resetAfter(10_000).run();
  assertEquals(clock.slept, [100, 300, 900, 1000, 100, 300]);
  const flat = scripted(crash, crash, success);
  await flat.supervisor.backoff(70, 1).run();
  assertEquals(flat.clock.slept, [70, 70]);
  const steep = scripted(...Array.from({ length: 330 }, () => crash), success);
  await steep.supervisor.backoff(1, 10).maxBackoff(5).run();
  assertEquals(steep.clock.slept.at(-1), 5);
});

test("jitter shortens the back-off by a random part", async () => {
  const randoms = [0, 0.5, 0.9];
  const waits = async (fraction: number) => {
    const { supervisor, clock } = scripted(crash, crash, crash, success);
    let index = 0;
    await supervisor.backoff(1000, 1).jitter(fraction)
      .withRandom(() => randoms[index++]).run();
    return clock.slept.map(Math.round);
  };
  assertEquals(await waits(0), [1000, 1000, 1000]);
  assertEquals(await waits(0.5), [1000, 750, 550]);
  assertEquals(await waits(1), [1000, 500, 100]);
  // The default is a jitter of a half, by real random numbers.
  const { calls, clock } = scripted(crash, crash, crash, success);
  await new Supervisor(x).withRunner(calls).withClock(clock).run();
  clock.slept.forEach((ms, index) => {
    const whole = 500 * 2 ** index;
    assert(ms > whole / 2 && ms <= whole, `${ms} of ${whole}`);
  });
});

test("a back-off of 0 stays 0 after any number of crashes", async () => {
  const slept: number[] = [];
  const clock: Clock = {
    now: () => 0,
    sleep: (ms) => Promise.resolve(void slept.push(ms)),
  };
  await new Supervisor(x).withRunner(new ScriptedRunner().fallback(crash))
    .withClock(clock).backoff(0).maxRestarts(1100).run();
  assertEquals(slept, Array.from({ length: 1100 }, () => 0));
});

test("crashes in quick succession lead to a storm pause, and crashes far apart do not", async () => {
  const fast = scripted(crash, crash, crash, crash, crash, crash, success);
  const outcome = await fast.supervisor.backoff(10, 1).stormPause(60_000)
    .failureThreshold(2).failureDecay(10_000).run();
  // The third crash in a row passes 2; after the pause the score begins anew.
  assertEquals(fast.clock.slept, [10, 10, 60_000, 10, 10, 60_000]);
  assertEquals([outcome.stormPauses, outcome.restarts], [2, 6]);

  // Halved in between, 1 + 1/2 + 1/4 + … never passes 2.
  const slow = scripted(
    ...Array.from({ length: 20 }, (): [Reply, number] => [crash, 10_000]),
    success,
  );
  const calm = await slow.supervisor.backoff(0).stormPause(60_000)
    .failureThreshold(2).failureDecay(10_000).run();
  assertEquals([calm.stormPauses, calm.restarts], [0, 20]);

  // Successes add nothing, and a stormPause of 0 means no pauses.
  const busy = await scripted(success).supervisor.restart("always")
    .stormPause(60_000).failureThreshold(1).maxRestarts(5).run();
  assertEquals(busy.stormPauses, 0);
  const unpaused = scripted(...Array.from({ length: 9 }, () => crash), success);
  assertEquals((await unpaused.supervisor.backoff(1, 1).run()).stormPauses, 0);
  assertEquals(unpaused.clock.slept, Array.from({ length: 9 }, () => 1));
});

test("a storm pause is never shorter than the back-off", async () => {
  const { supervisor, clock } = scripted(crash, success);
  await supervisor.backoff(5000).stormPause(10).failureThreshold(0).run();
  assertEquals(clock.slept, [5000]);
});

test("a program that fails its health checks is ended, and has crashed", async () => {
  const { supervisor, clock } = scripted(Reply.pending(), success);
  const seen: unknown[] = [];
  const answers = [true, false, true, false, false];
  const outcome = await supervisor.healthCheck(
    (process) => {
      assertEquals(process.pid, null);
      return answers.shift()!;
    },
    { every: 100, within: 30, failures: 2, startAfter: 1000 },
  ).giveUpWhen((error) => {
    seen.push(error);
    return false;
  }).run();
  assertEquals([outcome.livenessKills, outcome.restarts, outcome.reason], [
    1,
    1,
    "policy",
  ]);
  assertEquals(answers, []);
  assertEquals(
    clock.slept.filter((ms) => ms !== 30),
    [1000, 100, 100, 100, 100, 500, 1000],
  );
  assertEquals([outcome.result?.stdout, outcome.error], ["done\n", null]);
  assertInstanceOf(seen[0], NotReadyError);
  assertStringIncludes(seen[0].message, "2 times in a row");
});

test("a health check that throws, rejects or takes too long has failed", async () => {
  const checks: (() => boolean | Promise<boolean>)[] = [
    () => {
      throw new Error("no");
    },
    () => Promise.reject(new Error("no")),
    () => never().then(() => true),
  ];
  for (const check of checks) {
    const { supervisor } = scripted(Reply.pending(), success);
    const outcome = await supervisor.healthCheck(check, { every: 10 }).run();
    assertEquals(outcome.livenessKills, 1);
  }
});

test("a supervision is stopped while its program runs, while it waits, and before the first start", async () => {
  const running = scripted(Reply.pending()).supervisor.start();
  await untilState(running, "running");
  const whileRunning = await running.stop(1000);
  assertEquals(whileRunning.reason, "stopped");
  assertEquals(whileRunning.result?.outcome, { kind: "signalled", signal: 15 });
  assertEquals(running.status().state, "ended");
  assertEquals(await running.stop(0), whileRunning);

  class Waiting extends TestClock {
    override async sleep(_ms: number, signal: AbortSignal): Promise<void> {
      await new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => resolve())
      );
    }
  }
  for (
    const [storm, state] of [[0, "backing-off"], [
      60_000,
      "storm-pause",
    ]] as const
  ) {
    const { calls } = scripted(crash);
    const waiting = new Supervisor(x).withRunner(calls)
      .withClock(new Waiting()).stormPause(storm).failureThreshold(0).start();
    await untilState(waiting, state);
    const outcome = await waiting.stop(1000);
    assertEquals([outcome.reason, outcome.result?.code, outcome.restarts], [
      "stopped",
      1,
      0,
    ]);
    assertEquals(outcome.stormPauses, storm > 0 ? 1 : 0);
    assertEquals(calls.calls().length, 1);
  }

  const early = scripted(Reply.pending()).supervisor.start();
  assertEquals(early.status().state, "starting");
  const stopping = early.stop(0);
  assertEquals(early.status().state, "stopping");
  assertEquals((await stopping).reason, "stopped");
});

test("a supervision is stopped, and aborted, while a start is pending for ever", async () => {
  class Never extends ScriptedRunner {
    override start(): Promise<RunningProcess> {
      return never() as Promise<never>;
    }
  }
  const supervisor = new Supervisor(x).withRunner(new Never());
  const controller = new AbortController();
  const aborted = supervisor.cancelOn(controller.signal).start();
  controller.abort();
  // Each of them waits for 1 s for the start to notice.
  const [{ reason, result, error }, failure] = await Promise.all([
    supervisor.start().stop(0),
    failureOf(aborted.wait()),
  ]);
  assertEquals([reason, result, error], ["stopped", null, null]);
  assertInstanceOf(failure, CancelledError);
});

test("an abort ends a supervision while its program runs, while it waits, and before the first start", async () => {
  const controller = new AbortController();
  const { supervisor, calls } = scripted(Reply.pending());
  const session = supervisor.cancelOn(controller.signal).start();
  await untilState(session, "running");
  controller.abort(new Error("enough"));
  const error = await failureOf(session.wait());
  assertInstanceOf(error, CancelledError);
  assertEquals((error.cause as Error).message, "enough");
  assertEquals(session.status().state, "ended");
  await assertRejects(
    () => supervisor.cancelOn(controller.signal).run(),
    CancelledError,
  );
  assertEquals(calls.calls().length, 2);

  const own = new AbortController();
  const waiting = new Supervisor(x.cancelOn(own.signal)).withRunner(
    new ScriptedRunner().fallback(crash),
  ).backoff(60_000).maxBackoff(60_000).start();
  await untilState(waiting, "backing-off");
  own.abort();
  await assertRejects(() => waiting.wait(), CancelledError);
});

test("a finished supervision leaves no listener on its abort signal", async () => {
  const { signal, listeners } = countedSignal();
  const { supervisor } = scripted(crash, crash, success);
  await supervisor.cancelOn(signal).healthCheck(() => true, { every: 10 })
    .run();
  assertEquals(listeners(), 0);
});

test("the status shows the state and the counts", async () => {
  const seen: SupervisionStatus[] = [];
  const { calls, clock } = scripted(crash, crash, success);
  class Looking extends TestClock {
    override async sleep(ms: number, signal: AbortSignal): Promise<void> {
      seen.push(session.status());
      await super.sleep(ms, signal);
    }
  }
  assertEquals(clock.slept, []);
  const session = new Supervisor(x).withRunner(calls).withClock(new Looking())
    .stormPause(10).failureThreshold(1).start();
  assertEquals(session.status(), {
    state: "starting",
    pid: null,
    restarts: 0,
    stormPauses: 0,
    livenessKills: 0,
  });
  await session.wait();
  assertEquals(
    seen.map((
      { state, restarts, stormPauses },
    ) => [state, restarts, stormPauses]),
    [["backing-off", 0, 0], ["storm-pause", 1, 1]],
  );
  assertEquals(session.status().restarts, 2);
});

test("stopWhen and giveUpWhen may be asynchronous", async () => {
  const { supervisor } = scripted(crash, crash, success);
  const later = async (answer: boolean) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return answer;
  };
  const outcome = await supervisor.giveUpWhen(() => later(false))
    .stopWhen(({ success }) => later(success)).run();
  assertEquals([outcome.reason, outcome.restarts], ["stop-when", 2]);
});

test("a replayed supervision of a program that always crashes can be stopped", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("cassette.json");
  const supervisor = new Supervisor(sh("exit 1"));
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => supervisor.maxRestarts(0).withRunner(runner).run(),
  );
  const replayer = await RecordReplayRunner.replay(path);
  const session = supervisor.withRunner(replayer).start();
  await eventually("three restarts", () => session.status().restarts >= 3);
  assertEquals((await session.stop(0)).reason, "stopped");
});

test("an error that a restart cannot fix ends the supervision at once", async () => {
  class Unable extends ProcessRunner {
    override outputString(): Promise<ProcessResult<string>> {
      return Promise.reject(new Error("not called"));
    }
  }
  await assertRejects(
    () => new Supervisor(x).withRunner(new Unable()).run(),
    UnsupportedError,
  );
  const { supervisor, calls } = scripted(crash);
  const mistake = new TypeError("a mistake");
  const throws = () => {
    throw mistake;
  };
  assertEquals(await failureOf(supervisor.stopWhen(throws).run()), mistake);
  assertEquals(await failureOf(supervisor.giveUpWhen(throws).run()), mistake);
  assertEquals(calls.calls().length, 2);
  const once = new Supervisor(
    x.stdin(Stdin.fromAsyncLines((async function* () {})())),
  )
    .withRunner(new ScriptedRunner().fallback(success));
  assertThrows(() => once.start(), UnsupportedError, "one-shot");
  await assertRejects(() => once.run(), UnsupportedError);
  assertEquals((await once.restart("never").run()).reason, "policy");
});

test("an option that is out of range is refused by its setter", () => {
  const supervisor = new Supervisor(x);
  const wrong: (() => unknown)[] = [
    () => supervisor.maxRestarts(-1),
    () => supervisor.maxRestarts(1.5),
    () => supervisor.backoff(-1),
    () => supervisor.backoff(1, 0.5),
    () => supervisor.maxBackoff(NaN),
    () => supervisor.jitter(1.1),
    () => supervisor.jitter(-0.1),
    () => supervisor.resetAfter(-1),
    () => supervisor.stormPause(-1),
    () => supervisor.failureThreshold(-1),
    () => supervisor.failureDecay(0),
    () => supervisor.healthCheck(() => true, { every: 0 }),
    () => supervisor.healthCheck(() => true, { every: 1, within: -1 }),
    () => supervisor.healthCheck(() => true, { every: 1, failures: 0 }),
    () => supervisor.healthCheck(() => true, { every: 1, startAfter: -1 }),
  ];
  for (const say of wrong) assertThrows(say, RangeError);
  assertThrows(() => supervisor.restart("sometimes" as "never"), TypeError);
  assertThrows(() => new Supervisor("x" as unknown as Command), TypeError);
  const no = 5 as never;
  const wrongKinds: (() => unknown)[] = [
    () => supervisor.stopWhen(no),
    () => supervisor.giveUpWhen(no),
    () => supervisor.cancelOn(no),
    () => supervisor.withRunner(no),
    () => supervisor.withClock(no),
    () => supervisor.withRandom(no),
    () => supervisor.healthCheck(no, { every: 1 }),
  ];
  for (const say of wrongKinds) assertThrows(say, TypeError, "expected a");
  supervisor.maxRestarts(Infinity);
});

test("a supervisor is immutable", async () => {
  const { supervisor, calls } = scripted(crash);
  const limited = supervisor.maxRestarts(1);
  limited.maxRestarts(5);
  assertEquals((await limited.run()).restarts, 1);
  assertEquals(calls.calls().length, 2);
});

test("the last MiB of a run's output is kept, unless the command sets outputBuffer", async () => {
  const long = Reply.ok(`${"x".repeat(1023)}\n`.repeat(2000));
  const runner = new ScriptedRunner().fallback(long);
  const kept = await new Supervisor(x).withRunner(runner).run();
  assertEquals([kept.result?.stdout.length, kept.result?.truncated], [
    2 ** 20,
    true,
  ]);
  const few = x.outputBuffer({ maxLines: 3 });
  const own = await new Supervisor(few).withRunner(runner).run();
  assertEquals(own.result?.stdout.length, 3 * 1024);
});

test("a supervision replays from a cassette as recorded, without its waits", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("cassette.json");
  const marker = folder.file("marker");
  // It fails twice, and succeeds then.
  const flaky = sh('echo x >>"$1"; test "$(wc -l <"$1")" -ge 3', marker);
  const supervisor = new Supervisor(flaky).backoff(5);
  const recorded = await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => supervisor.withRunner(runner).run(),
  );
  assertEquals([recorded.reason, recorded.restarts], ["policy", 2]);
  const replayer = await RecordReplayRunner.replay(path);
  const day = 24 * 60 * 60 * 1000;
  const replayed = await supervisor.backoff(day).maxBackoff(day)
    .withRunner(replayer).run();
  assertEquals(replayed, recorded);
  // A run that was not recorded is no crash that a restart could fix.
  await assertRejects(
    () => new Supervisor(x).withRunner(replayer).run(),
    CassetteMissError,
  );
});

function untilState(
  session: { status(): SupervisionStatus },
  state: string,
): Promise<void> {
  return eventually(state, () => session.status().state === state);
}
