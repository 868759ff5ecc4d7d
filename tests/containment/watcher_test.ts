// The watcher: what it ends after its owner, and what it leaves alone.

import { readdir, readFile } from "node:fs/promises";
import { constants } from "node:os";
import {
  CancelledError,
  Command,
  JobRunner,
  ProcessGroup,
  UnsupportedError,
} from "../../mod.ts";
import { cgroupBase } from "../../src/containment/cgroup.ts";
import { statFields } from "../../src/containment/proc_stat.ts";
import { WATCHER_NAME } from "../../src/containment/watcher_process_scan.ts";
import { watcherScript } from "../../src/containment/watcher_script.ts";
import { runtime } from "../../src/runtime/detect.ts";
import { failureOf, sh, signal } from "../commands.ts";
import { eventually, runtimeName, temporaryFolder, test } from "../harness.ts";
import { withinAMinute } from "../held_timers.ts";
import { watchersOf } from "../watchers.ts";
import { outcomeIn, PROGRAMS, scriptWords } from "../runtimes.ts";
import { marked, newMark, untilNoneMarked } from "../shapes.ts";
import { sized } from "../size.ts";
import { assert, assertEquals, assertInstanceOf, join } from "../std.ts";

/** Only a program that hangs lives this long, in milliseconds. */
const LIMIT = 60_000;

const bare = new JobRunner({ containment: "none" });

const { process } = globalThis as unknown as {
  process: {
    pid: number;
    eventNames(): (string | symbol)[];
    listenerCount(name: string | symbol): number;
  };
};

/** Runs a fixture, which gets these arguments, without containment. */
function runFixture(name: string, ...args: string[]) {
  const words = scriptWords(runtimeName, `tests/fixtures/${name}`);
  return bare.outputString(
    new Command(words.program, [...words.args, ...args])
      .env("PROCESSKIT_TEST_DENO", PROGRAMS.deno).timeout(LIMIT),
  );
}

/** The watcher's program, which also prints each line that it has read and acted on. */
function talkingWatcher(source: "proc" | "ps"): string {
  const act = 'handle_line "$operation" "$kind" "$name"; done';
  const script = watcherScript(source);
  assert(script.includes(act));
  return script.replace(
    act,
    act.replace("done", 'echo "$operation $kind $name"; done'),
  );
}

/** Starts the watcher's program by itself. */
async function startWatcher(source: "proc" | "ps"): Promise<
  {
    /** Writes lines to the watcher, and waits until it has acted on them. */
    tell(...lines: string[]): Promise<void>;
    /** Lets the watcher see the end of its input, and waits until it has exited. */
    finish(): Promise<void>;
  } & AsyncDisposable
> {
  const live = await bare.start(
    new Command("sh", ["-c", talkingWatcher(source), "", WATCHER_NAME])
      .keepStdinOpen().timeout(LIMIT),
  );
  const stdin = live.takeStdin()!;
  return {
    async tell(...lines) {
      await stdin.write(lines.map((line) => `${line}\n`).join(""));
      await live.waitForLine((line) => line === lines.at(-1), LIMIT);
    },
    async finish() {
      await stdin.finish();
      assertEquals(await live.wait(), { kind: "exited", code: 0 });
    },
    [Symbol.asyncDispose]: () => live[Symbol.asyncDispose](),
  };
}

/** Starts a process that leads a session. */
async function startLeader(
  script: string,
  mark: string,
): Promise<{ pid: number; ended: Promise<unknown> }> {
  const ended = bare.outputString(
    new Command("setsid", ["-w", "sh", "-c", script, mark]).timeout(LIMIT)
      .stdout("null").stderr("null"),
  );
  let pid: number | undefined;
  await eventually("the leader is there", async () => {
    for (const candidate of marked(mark)) {
      const [, , , session] = await statOf(candidate);
      // The first one: the script may start other leaders.
      if (Number(session) === candidate) pid ??= candidate;
    }
    return pid !== undefined;
  });
  return { pid: pid!, ended };
}

/** The fields of `/proc/<pid>/stat` from the state on; none if the process is gone. */
async function statOf(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  return text === null ? [] : statFields(text);
}

/** Whether a process ignores a signal. */
async function ignores(
  pid: number,
  name: keyof typeof constants.signals,
): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const mask = BigInt(`0x${/^SigIgn:\s*(\w+)$/m.exec(status)![1]}`);
  return (mask >> BigInt(constants.signals[name] - 1) & 1n) === 1n;
}

test("the library does not change an owner's signal handlers, error handlers or exit code", async () => {
  const [withoutRuns, withRuns] = await Promise.all(
    ["without runs", "with runs"].map(async (runs) => {
      const { outcome, stdout } = await runFixture("handlers.ts", runs);
      return { outcome, stdout };
    }),
  );
  assertEquals(withoutRuns, {
    outcome: { kind: "exited", code: 9 },
    stdout:
      "caught and recovered from\ninterrupts 1\nlisteners [ 0, 0, 0, 0, 0 ]\n",
  });
  assertEquals(withRuns, withoutRuns);
});

test("one watcher serves all runners, in a session of its own, until the last of them is disposed of", async () => {
  const before = watchersOf(process.pid).length;
  const group = await ProcessGroup.create({ killOnParentDeath: true });
  const [watcher] = watchersOf(process.pid);
  await group.run(new Command("true"));
  {
    await using runner = new JobRunner();
    await runner.run(new Command("true"));
    assertEquals(watchersOf(process.pid), [watcher]);
  }
  await eventually(
    "the watcher has set its traps, the last one for SIGUSR2",
    () => ignores(watcher, "SIGUSR2"),
  );
  const [, , processGroup, session, terminal] = await statOf(watcher);
  assertEquals([processGroup, session, terminal], [
    String(watcher),
    String(watcher),
    "0",
  ]);
  for (
    const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP"] as const
  ) {
    assert(await ignores(watcher, name), name);
    signal(watcher, name);
  }
  assertEquals(watchersOf(process.pid), [watcher]);
  await group[Symbol.asyncDispose]();
  assertEquals(watchersOf(process.pid).length, before);
});

test("a watcher that was killed is replaced at the next run, and the new one ends what the old one watched", async () => {
  const mark = newMark();
  const { outcome } = await runFixture("killed_watcher.ts", mark);
  assertEquals(outcome, { kind: "exited", code: 0 });
  await untilNoneMarked(mark);
});

test("the watcher sees its owner's end while a child of the owner lives on", async () => {
  const mark = newMark();
  const { outcome } = await runFixture("heir.ts", mark);
  assertEquals(outcome, { kind: "exited", code: 0 });
  // The first sleep was contained. The second one was not, and was started after the
  // watcher, whose pipe it must not have inherited.
  await untilNoneMarked(`${mark}1`);
  const heirs = marked(`${mark}2`);
  assertEquals(heirs.length, 1);
  signal(heirs[0], "SIGKILL");
});

for (const facts of ["proc", "ps"] as const) {
  test(`the watcher, by way of ${facts}, ends groups and processes except the withdrawn ones`, async () => {
    const marks = [newMark(), newMark(), newMark(), newMark()];
    const [kept, ended, withdrawn, single] = await Promise.all([
      startLeader('sleep "$0" & setsid sleep "$0" & wait', marks[0]),
      startLeader('sleep "$0" & while :; do sleep 0.1; done', marks[1]),
      startLeader('sleep "$0"; :', marks[2]),
      startLeader('sleep "$0" & wait', marks[3]),
    ]);
    await using watcher = await startWatcher(facts);
    // The watcher forgets withdrawn numbers once it has read 100. `ps` takes long for
    // each of them, and no process has such a number.
    const strangers = facts === "proc" ? 150 : sized(10, 150);
    for (let number = 9_000_000; number < 9_000_000 + strangers; number++) {
      await watcher.tell(`+ g ${number}`, `- g ${number}`);
    }
    await watcher.tell(
      `+ g ${kept.pid}`,
      `+ g ${ended.pid}`,
      `+ g ${withdrawn.pid}`,
      `+ p ${single.pid}`,
    );
    signal(ended.pid, "SIGKILL");
    await ended.ended;
    await watcher.tell(`~ g ${ended.pid}`, `- g ${withdrawn.pid}`);
    await watcher.finish();
    // The shell of the withdrawn group and its sleep.
    assertEquals(marks.map((mark) => marked(mark).length), [0, 0, 2, 0]);
    signal(-withdrawn.pid, "SIGKILL");
    await Promise.all([kept, withdrawn, single].map(({ ended }) => ended));
  });
}

/** Has a group watched, ends it, and gives its number to another group. Prints both numbers, and whether the other group survived the watcher. */
const REUSE = `
mkfifo lines answers
sh -c "$1" '' "$2" <lines >answers & watcher=$!
exec 5>lines 6<answers
setsid sleep 3600 5>&- 6>&- & watched=$!
echo "+ g $watched" >&5
read -r answer <&6
# A process is known by its number and by a time in hundredths of a second.
sleep 0.05
kill -9 $watched
wait $watched
echo $((watched - 1)) >/proc/sys/kernel/ns_last_pid
setsid sleep 3600 5>&- 6>&- & stranger=$!
exec 5>&-
wait $watcher
stat=
{ read -r stat </proc/$stranger/stat; } 2>/dev/null
case $stat in '' | *') Z '*) fate=ended ;; *) fate=survived ;; esac
echo "$watched $stranger $fate"`;

test("the watcher does not end another group that was given the number of a watched one", async () => {
  await using folder = await temporaryFolder();
  // In a PID namespace of its own, where no other process takes the number. The number
  // that is given next can be set by root only, as can a namespace.
  const { stdout } = await bare.checked(
    new Command("unshare", ["--pid", "--fork", "--kill-child", "--mount-proc"])
      .args(["sh", "-c", REUSE, "sh", talkingWatcher("proc"), WATCHER_NAME])
      .cwd(folder.path).timeout(LIMIT),
  );
  const [watched, stranger, fate] = stdout.trim().split(" ");
  assertEquals([stranger, fate], [watched, "survived"]);
});

for (const containment of ["process-group", "cgroup"]) {
  for (const way of ["exit", "SIGKILL"]) {
    test(`an owner that ends by ${way} in the turn of its starts leaves no process behind, under ${containment}`, async () => {
      const mark = newMark();
      const { stdout, success } = await runFixture(
        "sudden.ts",
        containment,
        way,
        mark,
      );
      assert(!success);
      await untilNoneMarked(mark);
      await eventually(
        "the cgroups of the owner are gone",
        async () => (await cgroupsOf(Number(stdout))).length === 0,
      );
    });
  }
}

test("killOnParentDeath leaves no watcher behind in a test", async () => {
  assertEquals(await new Command("true").killOnParentDeath().exitCode(), 0);
});

test("killOnParentDeath is refused where there can be no watcher", async () => {
  const insisting = { program: "true", killOnParentDeath: true };
  const refused = await outcomeIn("deno", insisting, ["--allow-run=true"]);
  assertEquals(refused.error, "UnsupportedError");
  assert(refused.message?.includes("--allow-run"), refused.message);
  assertEquals(
    (await outcomeIn("deno", insisting, ["--allow-run"])).outcome,
    { kind: "exited", code: 0 },
  );
  const uncontained = await failureOf(
    bare.run(new Command("true").killOnParentDeath()),
  );
  assertInstanceOf(uncontained, UnsupportedError);
  assertEquals(uncontained.operation, "killOnParentDeath");
});

test("many runs leave no descriptor, child, cgroup or listener behind", async () => {
  const listeners = () =>
    [...process.eventNames()].map((name) => [
      String(name),
      process.listenerCount(name),
    ]);
  const listenersBefore = listeners();
  for (const containment of ["process-group", "cgroup"] as const) {
    await using runner = new JobRunner({ containment });
    await runner.run(new Command("true"));
    const before = await cgroupsOf(process.pid);
    for (let batch = 0; batch < sized(2, 10); batch++) {
      await Promise.all(
        Array.from({ length: 20 }, () => runner.run(sh("echo hello"))),
      );
    }
    assertEquals(await cgroupsOf(process.pid), before);
    assertEquals(listeners(), listenersBefore);
  }
  assertEquals(await cgroupsOf(process.pid), []);
});

const CGROUP_BASE = cgroupBase(runtime().system);

/** The names of a program's cgroups, and of the cgroups in them. */
async function cgroupsOf(owner: number): Promise<string[]> {
  assert("path" in CGROUP_BASE);
  const { path } = CGROUP_BASE;
  const own = (await readdir(path)).filter((name) =>
    name.startsWith(`processkit-${owner}-`)
  );
  const inner = own.map(async (name) => {
    // A cgroup of an owner that has ended may be removed meanwhile.
    const entries = await readdir(join(path, name), { withFileTypes: true })
      .catch(() => []);
    return entries.filter((entry) => entry.isDirectory())
      .map((entry) => join(name, entry.name));
  });
  return [...own, ...(await Promise.all(inner)).flat()];
}

test("runs that are aborted at any step of their start leave no process behind", async () => {
  const mark = newMark();
  await using runner = new JobRunner();
  // Prints the number of each step once it is done.
  const script = 'echo 1; sleep "$0" & echo 2; setsid sleep "$0" & echo 3; ' +
    'timeout 3600 sleep "$0" & echo 4; wait';
  const STEPS = 5;
  const runs = Array.from({ length: sized(25, 100) }, async (_, index) => {
    const step = index % STEPS;
    const aborting = new AbortController();
    const own = mark + String(index).padStart(3, "0");
    const run = runner.run(
      new Command("sh", ["-c", script, own]).cancelOn(aborting.signal)
        .onStdoutLine((line) => {
          if (line === String(step)) aborting.abort();
        }),
    );
    if (step === 0) aborting.abort();
    assertInstanceOf(await withinAMinute(failureOf(run)), CancelledError);
  });
  await Promise.all(runs);
  await untilNoneMarked(mark);
});
