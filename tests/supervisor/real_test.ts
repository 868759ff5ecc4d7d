// Supervision of real processes, on the real clock.

import { readFileSync } from "node:fs";
import { access, readFile, rm, writeFile } from "node:fs/promises";
import {
  Command,
  JobRunner,
  NotReadyError,
  ProcessGroup,
  type RunningProcess,
  SpawnError,
  type SupervisionSession,
  Supervisor,
} from "../../mod.ts";
import { statFields } from "../../src/containment/proc_stat.ts";
import { sh, signal, sleep } from "../commands.ts";
import { eventually, temporaryFolder, test } from "../harness.ts";
import { withinAMinute } from "../held_timers.ts";
import { marked, newMark, untilMarked, untilNoneMarked } from "../shapes.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

/** A grace that no test waits for, in milliseconds. */
const LONG_GRACE = 600_000;

/** Waits until the supervisor has seen its program start, which may run before that. */
function untilRunning(session: SupervisionSession): Promise<void> {
  return eventually("running", () => session.status().state === "running");
}

function exists(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

test("a supervised program that is killed ten times is started again ten times, and leaves no process behind", async () => {
  const mark = newMark();
  const tree = sh('sleep "$1" >/dev/null 2>&1 & exec sleep "$1"', mark);
  const pids = new Set<number>();
  {
    await using session = new Supervisor(tree).backoff(10, 1).start();
    for (let kills = 0; kills <= 10; kills++) {
      let pid: number | null = null;
      await eventually(`${kills} restarts`, () => {
        const { state, restarts } = session.status();
        ({ pid } = session.status());
        return state === "running" && restarts === kills && pid !== null &&
          marked(mark).length >= 2;
      });
      assert(!pids.has(pid!));
      pids.add(pid!);
      if (kills < 10) signal(pid!, "SIGKILL");
    }
    const { reason, restarts, result } = await session.stop(0);
    assertEquals([reason, restarts, result?.signal], ["stopped", 10, 9]);
  }
  await untilNoneMarked(mark);
});

test("a program that fails its health check gets SIGTERM, and has crashed even if it then exits with 0", async () => {
  await using folder = await temporaryFolder();
  const [runs, ready] = [folder.file("runs"), folder.file("ready")];
  // The first run does not exit by itself, and fails its checks once its trap is set.
  const script = 'echo x >>"$1"; test "$(wc -l <"$1")" -gt 1 && exit 0; ' +
    'trap "exit 0" TERM; : >"$2"; while :; do sleep 0.05; done';
  const command = sh(script, runs, ready).timeoutGrace(LONG_GRACE);
  let wedged: number | null = null;
  const supervisor = new Supervisor(command).backoff(10).healthCheck(
    async ({ pid }) => {
      wedged ??= pid;
      return pid !== wedged || !await exists(ready);
    },
    { every: 20, within: LONG_GRACE, failures: 2 },
  );
  const outcome = await supervisor.stopWhen(({ success }) => success).run();
  assertEquals([outcome.reason, outcome.restarts, outcome.livenessKills], [
    "stop-when",
    1,
    1,
  ]);
  assertEquals(await readFile(runs, "utf8"), "x\nx\n");
  await writeFile(runs, "");
  await rm(ready);
  wedged = null;
  const once = await supervisor.maxRestarts(0).run();
  assertEquals([once.reason, once.result?.code], ["max-restarts", 0]);
  assertInstanceOf(once.error, NotReadyError);
});

test("a program that passes its health checks is not ended, and the checks end with it", async () => {
  await using folder = await temporaryFolder();
  const gate = folder.file("gate");
  let checks = 0;
  const waiting = sh('until [ -e "$1" ]; do sleep 0.02; done', gate);
  const outcome = await new Supervisor(waiting).healthCheck(async () => {
    if (++checks === 3) await writeFile(gate, "");
    return true;
  }, { every: 20, within: LONG_GRACE, failures: 1 }).run();
  assertEquals([outcome.reason, outcome.livenessKills], ["policy", 0]);
  assert(checks >= 3);
  const whenEnded = checks;
  await sleep(100);
  assertEquals(checks, whenEnded);
});

test("stop gives the program a grace to exit by itself", async () => {
  await using folder = await temporaryFolder();
  const ready = folder.file("ready");
  const polite = sh(
    "trap 'echo bye; exit 3' TERM; echo up; : >\"$1\"; while :; do sleep 0.05; done",
    ready,
  );
  const session = new Supervisor(polite).start();
  await eventually("the trap is set", () => exists(ready));
  await untilRunning(session);
  const { reason, result } = await session.stop(LONG_GRACE);
  assertEquals([reason, result?.stdout, result?.code], [
    "stopped",
    "up\nbye\n",
    3,
  ]);
  assertEquals(session.status().pid, null);
});

test("a second stop shortens the grace of the first", async () => {
  const mark = newMark();
  const stubborn = sh('trap "" TERM; sleep "$1"; sleep "$1"', mark);
  const session = new Supervisor(stubborn).start();
  // The shell and its first sleep: the trap is set.
  await untilMarked(mark, 2);
  await untilRunning(session);
  const first = session.stop(LONG_GRACE);
  const second = session.stop(100);
  const [{ reason }, { result }] = await withinAMinute(
    Promise.all([first, second]),
  );
  assertEquals([reason, result?.signal], ["stopped", 9]);
  await untilNoneMarked(mark);
});

test("a program that cannot be started is started again", async () => {
  await using folder = await temporaryFolder();
  const outcome = await new Supervisor(
    new Command("true").cwd(folder.file("missing")),
  ).backoff(10).maxRestarts(2).run();
  assertEquals([outcome.reason, outcome.restarts], ["max-restarts", 2]);
  assertInstanceOf(outcome.error, SpawnError);
});

/** Whether a process has exited, or is about to by a SIGKILL that it was sent. */
function isKilled(pid: number): boolean {
  const [SIGKILL, PF_EXITING] = [9n, 0x4];
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const pending = BigInt(`0x${/^SigPnd:\s*(\w+)$/m.exec(status)![1]}`);
    if ((pending >> (SIGKILL - 1n) & 1n) === 1n) return true;
    const flags = statFields(readFileSync(`/proc/${pid}/stat`, "utf8"))[6];
    return (Number(flags) & PF_EXITING) !== 0;
  } catch {
    return true;
  }
}

test("the processes that a crashed run left behind are killed before the next run starts", async () => {
  const mark = newMark();
  const alive: number[] = [];
  class Counting extends JobRunner {
    override async start(command: Command): Promise<RunningProcess> {
      alive.push(marked(mark).filter((pid) => !isKilled(pid)).length);
      return await super.start(command);
    }
  }
  await using runner = new Counting();
  const leaky = sh('sleep "$1" >/dev/null 2>&1 & exit 1', mark);
  const outcome = await new Supervisor(leaky).withRunner(runner).backoff(0)
    .maxRestarts(3).run();
  assertEquals([outcome.restarts, outcome.result?.code], [3, 1]);
  assertEquals(alive, [0, 0, 0, 0]);
  await untilNoneMarked(mark);
});

test("the supervisor waits for the back-off in real time", async () => {
  const started = performance.now();
  const outcome = await new Supervisor(sh("exit 1")).backoff(100, 2).jitter(0)
    .maxRestarts(2).run();
  assertEquals(outcome.restarts, 2);
  assert(performance.now() - started >= 300);
});

test("a supervised program runs in the group or runner that it is given", async () => {
  await using group = await ProcessGroup.create();
  const session = new Supervisor(new Command("sleep", ["600"])).restart(
    "always",
  )
    .backoff(10).withRunner(group).start();
  await eventually(
    "the program runs",
    async () => (await group.members()).length === 1,
  );
  group.killAll();
  await eventually("one restart", () => session.status().restarts === 1);
  await session[Symbol.asyncDispose]();
  assertEquals(await group.members(), []);
  await using runner = new JobRunner();
  const { result } = await new Supervisor(sh("echo x")).withRunner(runner)
    .run();
  assertEquals(result?.stdout, "x\n");
});
