// Several runs with one fate.

import { readFile } from "node:fs/promises";
import {
  CancelledError,
  Command,
  hostContainment,
  JobRunner,
  NotFoundError,
  ProcessGroup,
  SpawnError,
  UnsupportedError,
} from "../../mod.ts";
import { failureOf, sh, sleep } from "../commands.ts";
import { eventually, temporaryFolder, test } from "../harness.ts";
import { marked, newMark, untilNobodyHas } from "../shapes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "../std.ts";

const MECHANISMS = ["process-group", "cgroup"] as const;

/** The state letters that the system shows for the members of a group, each once. */
async function statesIn(group: ProcessGroup): Promise<string> {
  const states = new Set<string>();
  for (const pid of await group.members()) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") -");
    states.add(stat[stat.lastIndexOf(")") + 2]);
  }
  return [...states].join("");
}

for (const containment of MECHANISMS) {
  test(`a group, under ${containment}, is a runner whose verbs are like any other's`, async () => {
    await using group = await ProcessGroup.create({ containment });
    assertEquals(group.mechanism, containment);
    assertEquals(
      await group.run(sh("echo hello; pwd").cwd("/tmp")),
      "hello\n/tmp",
    );
    const { code, stdout, stderr } = await group.outputString(
      sh("cat; echo e >&2; exit 3").stdin("in"),
    );
    assertEquals([code, stdout, stderr], [3, "in", "e\n"]);
    assertEquals(
      (await group.outputBytes(sh("printf '\\377'"))).stdout,
      new Uint8Array([255]),
    );
    assertEquals(
      await group.exitCode(sh("kill -9 $$; :").okCodes([9])).catch((error) =>
        error.kind
      ),
      "signalled",
    );
    assertInstanceOf(
      await failureOf(group.run(new Command("no-such-program"))),
      NotFoundError,
    );
    assertEquals(await group.members(), []);
  });

  test(`a child, under ${containment}, has the environment and the name that it was given`, async () => {
    await using runner = new JobRunner({ containment });
    assertEquals(runner.mechanism, containment);
    const alone = new Command("env").envClear().env({ A: "1", PATH: "/bin" });
    assertEquals(await runner.run(alone), await new JobRunner().run(alone));
    const listed = new Command("sh", ["-c", 'echo "$0 $PWD"']).env(
      "PWD",
      "/elsewhere",
    );
    assertEquals(await runner.run(listed), await new JobRunner().run(listed));
    const named = new Command("sh", ["-c", "tr '\\0' ' ' </proc/$$/cmdline"]);
    assertEquals(await runner.run(named), await new JobRunner().run(named));
    const strange = new Command("printf", ["%s|", "", "a b", "$x", "-c", "'"]);
    assertEquals(await runner.run(strange), "|a b|$x|-c|'|");
  });

  test(`a child, under ${containment}, has variables whose names no shell would take`, async () => {
    await using runner = new JobRunner({ containment });
    const command = new Command("cat", ["/proc/self/environ"]).env({
      "a.b": "1",
      "my-var": "a b",
      IFS: "x",
      OPTIND: "5",
      _: "nobody's",
    });
    const [contained, bare] = await Promise.all(
      [runner, new JobRunner({ containment: "none" })].map(async (runner) =>
        (await runner.run(command)).split("\0").sort()
      ),
    );
    assert(contained.includes("my-var=a b"));
    assertEquals(contained, bare);
  });

  test(`who moved to a group of its own, under ${containment}, is found when the run's own is empty`, async () => {
    const mark = newMark();
    await using group = await ProcessGroup.create({ containment });
    const moves =
      'timeout 3600 sleep "$1" >/dev/null 2>&1 & until pgrep -P $! >/dev/null; do sleep 0.01; done';
    await group.run(sh(moves, mark));
    // By then the group has looked at what is left of the run.
    await sleep(100);
    assertEquals((await group.members()).length, 2);
    group.killAll();
    await untilNobodyHas(mark);

    await using runner = new JobRunner({ containment });
    const holding = runner.outputString(
      sh('timeout 3600 sleep "$1" & sleep 0.2', mark).timeout(500),
    );
    assertEquals((await holding).outcome, { kind: "timed-out" });
    await untilNobodyHas(mark);
  });

  test(`what a run leaves behind, under ${containment}, stays a member until its group ends`, async () => {
    const mark = newMark();
    const group = await ProcessGroup.create({ containment });
    await group.run(sh('sleep "$1" >/dev/null 2>&1 &', mark));
    const [left] = await marked(mark);
    assertEquals(await group.members(), [left]);
    const running = group.outputString(sh('sleep "$1"; :', mark));
    await eventually(
      "both are there",
      async () => (await group.members()).length === 3,
    );
    group.killAll();
    group.killAll();
    assertEquals((await running).outcome, { kind: "signalled", signal: 9 });
    await eventually(
      "all are gone",
      async () => (await group.members()).length === 0,
    );
    assertEquals(await group.run(sh("echo usable")), "usable");
    await group.run(sh('sleep "$1" >/dev/null 2>&1 &', mark));
    await group[Symbol.asyncDispose]();
    assertEquals(await marked(mark), []);
  });

  test(`a group, under ${containment}, can be signalled, suspended and resumed`, async () => {
    await using folder = await temporaryFolder();
    await using group = await ProcessGroup.create({ containment });
    const script =
      'trap "echo usr1 >>$1" USR1; trap "echo term; exit 0" TERM; echo ready >$1; while :; do sleep 0.02; done';
    const running = group.outputString(sh(script, folder.file("log")));
    const logged = () => readFile(folder.file("log"), "utf8").catch(() => "");
    await eventually("it is ready", async () => await logged() === "ready\n");
    group.signal("SIGUSR1");
    await eventually(
      "the signal was handled",
      async () => await logged() === "ready\nusr1\n",
    );
    group.suspend();
    // A frozen process only sleeps, and uses no processor time. One that waits for
    // what it has just forked, and that was stopped before it executes, shows a D.
    await eventually("it has stopped", async () => {
      const before = await group.stats();
      await sleep(100);
      const after = await group.stats();
      return after.cpuTime === before.cpuTime &&
        (containment === "cgroup" || /^[DT]+$/.test(await statesIn(group)));
    });
    group.resume();
    await sleep(100);
    assert((await group.members()).length > 0);
    group.suspend();
    const report = await group.shutdown({ grace: 5000 });
    assertEquals(report.ending, "drained");
    assertEquals((await running).stdout, "term\n");
    assertThrows(() => group.signal("SIGNOPE" as "SIGTERM"), TypeError);
  });

  test(`a shutdown, under ${containment}, reports what came of it`, async () => {
    const group = await ProcessGroup.create({ containment });
    const heeding = group.outputString(new Command("sleep", ["100"]));
    await eventually(
      "it is there",
      async () => (await group.members()).length === 1,
    );
    const first = await group.shutdown({ grace: 10_000 });
    assertEquals(
      [
        first.signalSent,
        first.membersBefore.length,
        first.membersAfter,
        first.ending,
      ],
      [true, 1, [], "drained"],
    );
    assert(first.elapsed < 5000, String(first.elapsed));
    assertEquals((await heeding).outcome, { kind: "signalled", signal: 15 });
    const refused = await failureOf(group.run(new Command("true")));
    assertInstanceOf(refused, SpawnError);
    const empty = await group.shutdown();
    assertEquals([empty.signalSent, empty.ending], [false, "drained"]);
    await group[Symbol.asyncDispose]();

    await using stubborn = await ProcessGroup.create({ containment });
    const running = stubborn.outputString(
      sh('trap "" TERM; while :; do sleep 0.05; done'),
    );
    // Until its sleep is there, its trap may not be.
    await eventually(
      "it is ready",
      async () => (await stubborn.members()).length === 2,
    );
    const left = await stubborn.shutdown({ grace: 100, escalate: false });
    assertEquals([left.signalSent, left.ending], [true, "left"]);
    assert(left.membersAfter.length > 0);
    const killed = await stubborn.shutdown({ grace: 0 });
    assertEquals(
      [killed.signalSent, killed.ending, killed.membersAfter],
      [false, "escalated", []],
    );
    assertEquals((await running).signal, 9);
    await assertRejects(() => stubborn.shutdown({ grace: -1 }), RangeError);
  });

  test(`stats, under ${containment}, tell of processes, processor time and memory`, async () => {
    await using group = await ProcessGroup.create({ containment });
    assertEquals((await group.stats()).processes, 0);
    const running = group.outputString(
      sh("sleep 100 & while :; do :; done"),
    );
    await eventually("it has used some", async () => {
      const { processes, cpuTime, memory } = await group.stats();
      return processes === 2 && (cpuTime ?? 0) >= 50 && (memory ?? 0) > 100_000;
    });
    group.killAll();
    await running;
  });

  test(`who left the group, under ${containment}, and does not heed the signal is killed after the grace all the same`, async () => {
    const mark = newMark();
    const stubborn = 'trap "" TERM; while :; do sleep 0.05; done';
    await using runner = new JobRunner({ containment });
    const { outcome } = await runner.outputString(
      sh('setsid sh -c "$2" "$1" & wait', mark, stubborn).timeout(400)
        .timeoutGrace(300),
    );
    assertEquals(outcome, { kind: "timed-out" });
    await untilNobodyHas(mark);
  });
}

test("a timeout whose tree heeds the signal does not wait for its grace", async () => {
  const { outcome } = await sh("sleep 100 & wait").timeout(100).timeoutGrace(
    60_000,
  ).outputString();
  assertEquals(outcome, { kind: "timed-out" });
});

test("an abort does not wait for a grace that has begun", async () => {
  const aborting = new AbortController();
  const started = Date.now();
  const run = sh('trap "" TERM; while :; do sleep 0.05; done').timeout(100)
    .timeoutGrace(60_000).cancelOn(aborting.signal).outputString();
  setTimeout(() => aborting.abort(), 300);
  assertInstanceOf(await failureOf(run), CancelledError);
  assert(Date.now() - started < 30_000);
});

test("an unknown containment, and one that is not there, are refused", async () => {
  await assertRejects(
    () => ProcessGroup.create({ containment: "none" as "auto" }),
    TypeError,
  );
  assertThrows(
    () => new JobRunner({ containment: "job" as "auto" }),
    TypeError,
  );
  assertInstanceOf(
    await failureOf(
      new JobRunner({ containment: "none" }).run(
        new Command("true").killOnParentDeath(),
      ),
    ),
    UnsupportedError,
  );
});

test("a group takes the strongest there is, and the host's report says the same", async () => {
  await using group = await ProcessGroup.create();
  await using runner = new JobRunner();
  const report = hostContainment();
  assertEquals(report.strongest, group.mechanism);
  assertEquals(report.mechanism, runner.mechanism);
  assertEquals(report.endsWithOwner, true);
  assertEquals(report.unavailable.map(({ mechanism }) => mechanism), [
    "taskkill",
  ]);
});
