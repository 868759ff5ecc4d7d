// What a ProcessGroup does with its runs.

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
import { eventually, isAlive, temporaryFolder, test } from "../harness.ts";
import { HELD_DEADLINE, holdTimers, withinAMinute } from "../held_timers.ts";
import { marked, newMark, untilMarked, untilNoneMarked } from "../shapes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "../std.ts";

const MECHANISMS = ["process-group", "cgroup"] as const;

/** A grace that no test waits for, in milliseconds. */
const LONG_GRACE = 600_000;

/** Ignores SIGTERM from when it has printed "ready". */
const STUBBORN = 'trap "" TERM; echo ready; while :; do sleep 0.05; done';

/** A promise of a command's first line, and a handler that fulfils it. */
function firstLine(): {
  heard: Promise<string>;
  hear: (line: string) => void;
} {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { heard: promise, hear: resolve };
}

/** The state letters that `/proc` shows for the members of a group, each once. */
async function statesIn(group: ProcessGroup): Promise<string> {
  const states = new Set<string>();
  for (const pid of await group.members()) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") -");
    states.add(stat[stat.lastIndexOf(")") + 2]);
  }
  return [...states].join("");
}

for (const containment of MECHANISMS) {
  test(`a group has the verbs of any other runner, under ${containment}`, async () => {
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

  test(`a child has the environment and the name that its command sets, under ${containment}`, async () => {
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

  test(`a child has variables whose names are not valid in a shell, under ${containment}`, async () => {
    await using runner = new JobRunner({ containment });
    const command = new Command("cat", ["/proc/self/environ"]).env({
      "a.b": "1",
      "my-var": "a b",
      IFS: "x",
      OPTIND: "5",
      _: "c",
    });
    const [contained, bare] = await Promise.all(
      [runner, new JobRunner({ containment: "none" })].map(async (runner) =>
        (await runner.run(command)).split("\0").sort()
      ),
    );
    assert(contained.includes("my-var=a b"));
    assertEquals(contained, bare);
  });

  test(`a process that moved to another process group is found when the run's own group is empty, under ${containment}`, async () => {
    const mark = newMark();
    await using group = await ProcessGroup.create({ containment });
    const moves =
      'timeout 3600 sleep "$1" >/dev/null 2>&1 & until pgrep -P $! >/dev/null; do sleep 0.01; done';
    await group.run(sh(moves, mark));
    // 20 ms after the run's end the group looks at what is left of it.
    await sleep(100);
    assertEquals((await group.members()).length, 2);
    group.killAll();
    await untilNoneMarked(mark);

    const { heard, hear } = firstLine();
    // Holds as well the 2 s that an inherited pipe may be idle.
    using deadline = holdTimers(1000);
    await using runner = new JobRunner({ containment });
    // The process that moved holds stdout open after the shell has exited.
    const holding = runner.outputString(
      sh('timeout 3600 sleep "$1" & echo $$ >&2', mark).timeout(HELD_DEADLINE)
        .onStderrLine(hear),
    );
    const shell = Number(await heard);
    await untilMarked(mark, 2);
    await eventually("the shell has exited", async () => !await isAlive(shell));
    deadline.fire();
    assertEquals((await holding).outcome, { kind: "timed-out" });
    await untilNoneMarked(mark);
  });

  test(`a process that a run leaves behind stays a member until its group ends, under ${containment}`, async () => {
    const mark = newMark();
    const group = await ProcessGroup.create({ containment });
    await group.run(sh('sleep "$1" >/dev/null 2>&1 &', mark));
    const [left] = marked(mark);
    assertEquals(await group.members(), [left]);
    const running = group.outputString(sh('sleep "$1"; :', mark));
    await eventually(
      "three processes are members",
      async () => (await group.members()).length === 3,
    );
    group.killAll();
    group.killAll();
    assertEquals((await running).outcome, { kind: "signalled", signal: 9 });
    await eventually(
      "no process is a member",
      async () => (await group.members()).length === 0,
    );
    assertEquals(await group.run(sh("echo usable")), "usable");
    await group.run(sh('sleep "$1" >/dev/null 2>&1 &', mark));
    await group[Symbol.asyncDispose]();
    assertEquals(marked(mark), []);
  });

  test(`a group can be signalled, suspended and resumed, under ${containment}`, async () => {
    await using folder = await temporaryFolder();
    await using group = await ProcessGroup.create({ containment });
    const script =
      'trap "echo usr1 >>$1" USR1; trap "echo term; exit 0" TERM; echo ready >$1; while :; do sleep 0.02; done';
    const running = group.outputString(sh(script, folder.file("log")));
    const logged = async () =>
      (await readFile(folder.file("log"), "utf8").catch(() => "")).split("\n");
    const handlesSignal = async () => {
      const { length } = await logged();
      group.signal("SIGUSR1");
      await eventually(
        "the signal is handled",
        async () => (await logged()).length > length,
      );
    };
    await eventually("ready", async () => (await logged())[0] === "ready");
    await handlesSignal();
    group.suspend();
    // A frozen process shows the state of a sleeping one, but uses no processor time. Of a
    // stopped group at least one process shows T; one shows D if the child that it has just
    // forked was stopped before its exec.
    await eventually("the group has stopped", async () => {
      const before = await group.stats();
      await sleep(100);
      const after = await group.stats();
      return after.cpuTime === before.cpuTime &&
        (containment === "cgroup" || /^(T|DT|TD)$/.test(await statesIn(group)));
    });
    group.resume();
    await handlesSignal();
    group.suspend();
    const report = await group.shutdown({ grace: LONG_GRACE });
    assertEquals(report.ending, "drained");
    assertEquals((await running).stdout, "term\n");
    assertThrows(() => group.signal("SIGNOPE" as "SIGTERM"), TypeError);
  });

  test(`a shutdown reports its members, its signal and its ending, under ${containment}`, async () => {
    const group = await ProcessGroup.create({ containment });
    const heeding = group.outputString(new Command("sleep", ["100"]));
    await eventually(
      "the sleep is a member",
      async () => (await group.members()).length === 1,
    );
    const first = await group.shutdown({ grace: LONG_GRACE });
    assertEquals(
      [
        first.signalSent,
        first.membersBefore.length,
        first.membersAfter,
        first.ending,
      ],
      [true, 1, [], "drained"],
    );
    assert(first.elapsed < LONG_GRACE / 10, String(first.elapsed));
    assertEquals((await heeding).outcome, { kind: "signalled", signal: 15 });
    const refused = await failureOf(group.run(new Command("true")));
    assertInstanceOf(refused, SpawnError);
    const empty = await group.shutdown();
    assertEquals([empty.signalSent, empty.ending], [false, "drained"]);
    await group[Symbol.asyncDispose]();

    await using stubborn = await ProcessGroup.create({ containment });
    const { heard, hear } = firstLine();
    const running = stubborn.outputString(sh(STUBBORN).onStdoutLine(hear));
    await heard;
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

  test(`stats count processes, processor time and memory, under ${containment}`, async () => {
    await using group = await ProcessGroup.create({ containment });
    assertEquals((await group.stats()).processes, 0);
    const running = group.outputString(
      sh("sleep 100 & while :; do :; done"),
    );
    await eventually("processor time and memory are used", async () => {
      const { processes, cpuTime, memory } = await group.stats();
      return processes === 2 && (cpuTime ?? 0) >= 50 && (memory ?? 0) > 100_000;
    });
    group.killAll();
    await running;
  });

  test(`a process that left the group and ignores the signal is killed after the grace, under ${containment}`, async () => {
    const mark = newMark();
    const { heard, hear } = firstLine();
    using deadline = holdTimers(HELD_DEADLINE);
    await using runner = new JobRunner({ containment });
    const running = runner.outputString(
      sh('setsid sh -c "$2" "$1" & wait', mark, STUBBORN)
        .timeout(HELD_DEADLINE).timeoutGrace(300).onStdoutLine(hear),
    );
    await heard;
    deadline.fire();
    assertEquals((await running).outcome, { kind: "timed-out" });
    await untilNoneMarked(mark);
  });
}

test("a timeout does not wait for its grace when every process has heeded the signal", async () => {
  const { heard, hear } = firstLine();
  using deadline = holdTimers(HELD_DEADLINE);
  const running = sh("echo ready; sleep 3600 & wait").timeout(HELD_DEADLINE)
    .timeoutGrace(LONG_GRACE).onStdoutLine(hear).outputString();
  await heard;
  deadline.fire();
  const { outcome } = await withinAMinute(running);
  assertEquals(outcome, { kind: "timed-out" });
});

test("an abort does not wait for a grace that has begun", async () => {
  const { heard, hear } = firstLine();
  using deadline = holdTimers(HELD_DEADLINE);
  const aborting = new AbortController();
  const run = sh(STUBBORN).timeout(HELD_DEADLINE).timeoutGrace(LONG_GRACE)
    .cancelOn(aborting.signal).onStdoutLine(hear).outputString();
  await heard;
  deadline.fire();
  aborting.abort();
  assertInstanceOf(await withinAMinute(failureOf(run)), CancelledError);
});

test("an unknown containment, and killOnParentDeath without containment, are refused", async () => {
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

test("a group takes the strongest mechanism there is, as the host's report says", async () => {
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
