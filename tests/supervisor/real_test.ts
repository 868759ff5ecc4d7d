// Supervision of real processes, by the time as it passes.

import { readFile, writeFile } from "node:fs/promises";
import {
  Command,
  JobRunner,
  NotReadyError,
  ProcessGroup,
  type RunningProcess,
  SpawnError,
  Supervisor,
} from "../../mod.ts";
import { sh, signal, sleep } from "../commands.ts";
import { eventually, temporaryFolder, test } from "../harness.ts";
import { marked, newMark, untilNobodyHas } from "../shapes.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

const LONG = 20_000;

test("a supervised child that is killed ten times comes back ten times, and leaves nothing", async () => {
  const mark = newMark();
  const tree = sh('sleep "$1" >/dev/null 2>&1 & exec sleep "$1"', mark);
  const pids = new Set<number>();
  {
    await using session = new Supervisor(tree).backoff(10, 1).start();
    for (let kills = 0; kills <= 10; kills++) {
      let pid: number | null = null;
      await eventually(`it has come back ${kills} times`, async () => {
        const { state, restarts } = session.status();
        ({ pid } = session.status());
        return state === "running" && restarts === kills && pid !== null &&
          (await marked(mark)).length >= 2;
      });
      assert(!pids.has(pid!));
      pids.add(pid!);
      if (kills < 10) signal(pid!, "SIGKILL");
    }
    const { reason, restarts, result } = await session.stop(0);
    assertEquals([reason, restarts, result?.signal], ["stopped", 10, 9]);
  }
  await untilNobodyHas(mark);
});

test("a wedged program is ended as at its deadline, and has crashed even if it then exits with 0", async () => {
  await using folder = await temporaryFolder();
  const runs = folder.file("runs");
  // The first one is wedged, and goes politely when it is asked to.
  const script = 'echo x >>"$1"; test "$(wc -l <"$1")" -gt 1 && exit 0; ' +
    'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done';
  const supervisor = new Supervisor(sh(script, runs).timeoutGrace(LONG))
    .backoff(10).healthCheck(() => false, { every: 100, failures: 2 });
  const outcome = await supervisor.stopWhen(({ success }) => success).run();
  assertEquals([outcome.reason, outcome.restarts, outcome.livenessKills], [
    "stop-when",
    1,
    1,
  ]);
  assertEquals(await readFile(runs, "utf8"), "x\nx\n");
  await writeFile(runs, "");
  const once = await supervisor.maxRestarts(0).run();
  assertEquals([once.reason, once.result?.code], ["max-restarts", 0]);
  assertInstanceOf(once.error, NotReadyError);
});

test("a program that answers its checks is left alone, and checks end with it", async () => {
  let checks = 0;
  const outcome = await new Supervisor(sh("sleep 0.5")).healthCheck(() => {
    checks++;
    return true;
  }, { every: 50, failures: 1 }).run();
  assertEquals([outcome.reason, outcome.livenessKills], ["policy", 0]);
  assert(checks > 1);
  const whenEnded = checks;
  await sleep(150);
  assertEquals(checks, whenEnded);
});

test("stop leaves the program its grace, and a second call may shorten it", async () => {
  const polite = sh(
    "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.05; done",
  );
  const session = new Supervisor(polite).start();
  await eventually("it runs", () => session.status().pid !== null);
  await sleep(200);
  const { reason, result } = await session.stop(LONG);
  assertEquals([reason, result?.stdout, result?.code], [
    "stopped",
    "up\nbye\n",
    3,
  ]);
  assertEquals(session.status().pid, null);

  const mark = newMark();
  const stubborn = new Supervisor(
    sh('trap "" TERM; sleep "$1"; sleep "$1"', mark),
  )
    .start();
  await eventually("it runs", async () => (await marked(mark)).length > 1);
  await sleep(200);
  const started = performance.now();
  const slow = stubborn.stop(60_000);
  await sleep(50);
  assertEquals((await stubborn.stop(100)).result?.signal, 9);
  assertEquals((await slow).reason, "stopped");
  assert(performance.now() - started < LONG);
  await untilNobodyHas(mark);
});

test("a program that cannot be started is tried again", async () => {
  await using folder = await temporaryFolder();
  const outcome = await new Supervisor(
    new Command("true").cwd(folder.file("missing")),
  ).backoff(10).maxRestarts(2).run();
  assertEquals([outcome.reason, outcome.restarts], ["max-restarts", 2]);
  assertInstanceOf(outcome.error, SpawnError);
});

test("what a crashed run has left behind is gone before the next one starts", async () => {
  const mark = newMark();
  const found: number[] = [];
  class Counting extends JobRunner {
    override async start(command: Command): Promise<RunningProcess> {
      found.push((await marked(mark)).length);
      return await super.start(command);
    }
  }
  await using runner = new Counting();
  const leaky = sh('sleep "$1" >/dev/null 2>&1 & exit 1', mark);
  const outcome = await new Supervisor(leaky).withRunner(runner).backoff(0)
    .maxRestarts(3).run();
  assertEquals([outcome.restarts, outcome.result?.code], [3, 1]);
  assertEquals(found, [0, 0, 0, 0]);
  await untilNobodyHas(mark);
});

test("the waits are those of the clock", async () => {
  const started = performance.now();
  const outcome = await new Supervisor(sh("exit 1")).backoff(100, 2).jitter(0)
    .maxRestarts(2).run();
  assertEquals(outcome.restarts, 2);
  assert(performance.now() - started >= 300);
});

test("a group, and a runner of one's own, run a supervised program", async () => {
  await using group = await ProcessGroup.create();
  const session = new Supervisor(new Command("sleep", ["600"])).restart(
    "always",
  )
    .backoff(10).withRunner(group).start();
  await eventually("it runs", async () => (await group.members()).length === 1);
  group.killAll();
  await eventually("it has come back", () => session.status().restarts === 1);
  await session[Symbol.asyncDispose]();
  assertEquals(await group.members(), []);
  await using runner = new JobRunner();
  const { result } = await new Supervisor(sh("echo x")).withRunner(runner)
    .run();
  assertEquals(result?.stdout, "x\n");
});
