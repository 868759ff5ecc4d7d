// The watcher: what it does to the program it is for, and to others.

import { readdir, readFile } from "node:fs/promises";
import {
  Command,
  JobRunner,
  ProcessGroup,
  Stdin,
  UnsupportedError,
} from "../../mod.ts";
import { WATCHER_NAME } from "../../src/containment/watcher_process_scan.ts";
import { watcherScript } from "../../src/containment/watcher_script.ts";
import { failureOf, sh, sleep } from "../commands.ts";
import { eventually, runtimeName, test } from "../harness.ts";
import { watchersOf } from "../watchers.ts";
import { outcomeIn, PROGRAMS, scriptWords } from "../runtimes.ts";
import { marked, newMark, untilNobodyHas } from "../shapes.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

const bare = new JobRunner({ containment: "none" });

const { process } = globalThis as unknown as {
  process: {
    pid: number;
    eventNames(): (string | symbol)[];
    listenerCount(name: string | symbol): number;
  };
};

/** Runs the watcher's script by itself, with these lines for its input. */
function watch(
  facts: "proc" | "ps",
  lines: AsyncIterable<string>,
): Promise<unknown> {
  return bare.checked(
    new Command("sh", ["-c", watcherScript(facts), "", WATCHER_NAME])
      .stdin(Stdin.fromAsyncLines(lines)).timeout(30_000),
  );
}

/** Starts a process that leads a session; resolves to its number and to its end. */
async function leader(
  script: string,
  mark: string,
): Promise<{ pid: number; ended: Promise<unknown> }> {
  const ended = bare.outputString(
    new Command("setsid", ["-w", "sh", "-c", script, mark]).timeout(60_000)
      .stdout("null").stderr("null"),
  );
  let pid = 0;
  await eventually("it is there", async () => {
    for (const candidate of await marked(mark)) {
      const stat = await readFile(`/proc/${candidate}/stat`, "utf8")
        .catch(() => "");
      const session = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3];
      // The first one: it may have started others that lead one.
      if (Number(session) === candidate) pid ||= candidate;
    }
    return pid !== 0;
  });
  return { pid, ended };
}

test("an owner's own handlers, its recovery from an error and its exit code are as without the library", async () => {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/handlers.ts",
  );
  const outcomes = await Promise.all(
    ["without", "with runs"].map(async (runs) => {
      const { outcome, stdout } = await bare.outputString(
        new Command(program, [...args, runs]).timeout(30_000),
      );
      return { outcome, stdout };
    }),
  );
  assertEquals(outcomes[0], {
    outcome: { kind: "exited", code: 9 },
    stdout:
      "caught and recovered from\ninterrupts 1\nlisteners [ 0, 0, 0, 0, 0 ]\n",
  });
  assertEquals(outcomes[1], outcomes[0]);
});

test("one watcher serves all runners, in a session of its own, and goes with the last of them", async () => {
  const before = (await watchersOf(process.pid)).length;
  const group = await ProcessGroup.create({ killOnParentDeath: true });
  const [watcher] = await watchersOf(process.pid);
  await group.run(new Command("true"));
  {
    await using runner = new JobRunner();
    await runner.run(new Command("true"));
    assertEquals(await watchersOf(process.pid), [watcher]);
  }
  const stat = await readFile(`/proc/${watcher}/stat`, "utf8");
  const [, , processGroup, session, terminal] = stat.slice(
    stat.lastIndexOf(")") + 2,
  ).split(" ");
  assertEquals([processGroup, session, terminal], [
    String(watcher),
    String(watcher),
    "0",
  ]);
  for (const signal of ["INT", "TERM", "HUP", "QUIT", "TSTP"]) {
    await bare.run(new Command("kill", ["-s", signal, String(watcher)]));
  }
  assertEquals(await watchersOf(process.pid), [watcher]);
  await group[Symbol.asyncDispose]();
  assertEquals((await watchersOf(process.pid)).length, before);
});

test("a watcher that somebody killed is replaced by the next run, and told of all that is watched", async () => {
  const mark = newMark();
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/killed_watcher.ts",
  );
  await bare.run(new Command(program, [...args, mark]));
  await eventually(
    "what was started before is gone with its owner",
    async () => (await marked(mark)).length === 0,
    3000,
  );
});

test("no child inherits what the watcher is reached by: it sees the owner's end while a child lives on", async () => {
  const mark = newMark();
  const { program, args } = scriptWords(runtimeName, "tests/fixtures/heir.ts");
  await bare.run(
    new Command(program, [...args, mark]).env(
      "PROCESSKIT_TEST_DENO",
      PROGRAMS.deno,
    ),
  );
  // One sleep was contained, the other was not, and was started after the watcher.
  await eventually(
    "the contained one is gone",
    async () => (await marked(`${mark}1`)).length === 0,
    3000,
  );
  const heirs = await marked(`${mark}2`);
  assertEquals(heirs.length, 1);
  await bare.run(new Command("kill", ["-9", String(heirs[0])]));
});

for (const facts of ["proc", "ps"] as const) {
  test(`the watcher, by way of ${facts}, ends groups and processes, and not those that were withdrawn`, async () => {
    const marks = [newMark(), newMark(), newMark(), newMark()];
    const [kept, ended, withdrawn, single] = await Promise.all([
      leader('sleep "$0" & setsid sleep "$0" & wait', marks[0]),
      leader(
        'sleep "$0" & while [ -d /proc/$$ ]; do sleep 0.1; done',
        marks[1],
      ),
      leader('sleep "$0"; :', marks[2]),
      leader('sleep "$0" & wait', marks[3]),
    ]);
    await watch(
      facts,
      (async function* () {
        // More than it remembers before it tidies up; no process has such a number.
        for (let number = 9_000_000; number < 9_000_150; number++) {
          yield `+ g ${number}`;
          yield `- g ${number}`;
        }
        yield `+ g ${kept.pid}`;
        yield `+ g ${ended.pid}`;
        yield `+ g ${withdrawn.pid}`;
        yield `+ p ${single.pid}`;
        await sleep(200);
        await bare.run(new Command("kill", ["-9", String(ended.pid)]));
        await ended.ended;
        yield `~ g ${ended.pid}`;
        yield `- g ${withdrawn.pid}`;
        await sleep(200);
      })(),
    );
    const left = await Promise.all(
      marks.map(async (mark) => (await marked(mark)).length),
    );
    // The shell and its sleep.
    assertEquals(left, [0, 0, 2, 0]);
    await bare.run(new Command("kill", ["-9", "--", `-${withdrawn.pid}`]));
    await Promise.all([kept, withdrawn, single].map(({ ended }) => ended));
  });
}

test("the watcher ends no stranger who was given the number of one that it watched", async () => {
  const [mark, strangersMark] = [newMark(), newMark()];
  const watched = await leader('sleep "$0"', mark);
  const isStranger = async () =>
    (await marked(strangersMark)).includes(watched.pid);
  const others: Promise<unknown>[] = [];
  await watch(
    "proc",
    (async function* () {
      yield `+ g ${watched.pid}`;
      await sleep(200);
      await bare.run(new Command("kill", ["-9", "--", `-${watched.pid}`]));
      await watched.ended;
      // The system is told which number was the last one given; only root may. The
      // stranger leads a group too.
      const script =
        'echo "$1" >/proc/sys/kernel/ns_last_pid; setsid sleep "$0" & sleep "$0"';
      for (let attempt = 0; attempt < 100 && !await isStranger(); attempt++) {
        const args = ["-c", script, strangersMark, String(watched.pid - 1)];
        others.push(bare.outputString(new Command("sh", args)));
        await sleep(20);
      }
    })(),
  );
  assert(await isStranger(), "the number is in use, by somebody else");
  await bare.run(new Command("pkill", ["-9", "-f", strangersMark]));
  await Promise.all(others);
});

for (const containment of ["process-group", "cgroup"]) {
  test(`nothing is left of an owner that is gone in the turn of its start, under ${containment}`, async () => {
    for (const door of ["exit", "SIGKILL"]) {
      const mark = newMark();
      const { program, args } = scriptWords(
        runtimeName,
        "tests/fixtures/sudden.ts",
      );
      const { stdout, success } = await bare.outputString(
        new Command(program, [...args, containment, door, mark]),
      );
      assert(!success);
      await untilNobodyHas(mark);
      await eventually(
        "its cgroups are gone",
        async () => (await cgroups(Number(stdout))).length === 0,
      );
    }
  });
}

test("killOnParentDeath leaves no watcher behind in a test", async () => {
  assertEquals(await new Command("true").killOnParentDeath().exitCode(), 0);
});

test("killOnParentDeath is refused where no watcher can be", async () => {
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

test("two hundred runs leave no descriptor, child, cgroup or listener", async () => {
  const listeners = () =>
    [...process.eventNames()].map((name) => [
      String(name),
      process.listenerCount(name),
    ]);
  const listenersBefore = listeners();
  for (const containment of ["process-group", "cgroup"] as const) {
    await using runner = new JobRunner({ containment });
    await runner.run(new Command("true"));
    const before = await cgroups(process.pid);
    for (let run = 0; run < 10; run++) {
      await Promise.all(
        Array.from({ length: 20 }, () => runner.run(sh("echo hello"))),
      );
    }
    assertEquals(await cgroups(process.pid), before);
    assertEquals(listeners(), listenersBefore);
  }
  assertEquals(await cgroups(process.pid), []);
});

/** The cgroups of a program, and those in them. */
async function cgroups(owner: number): Promise<string[]> {
  const mount = (await readFile("/proc/self/mountinfo", "utf8")).split("\n")
    .find((line) => line.includes(" - cgroup2 "))!.split(" ")[4];
  const names = await readdir(mount, { recursive: true }).catch(() => [
    `processkit-${owner}-, of which something is just being removed`,
  ]);
  return names.filter((name) =>
    name.startsWith(`processkit-${owner}-`) && !name.includes(".")
  );
}

test("a hundred runs that are aborted at random moments leave nobody", async () => {
  const mark = newMark();
  await using runner = new JobRunner();
  const runs = Array.from({ length: 100 }, async (_, index) => {
    const aborting = new AbortController();
    const timer = setTimeout(() => aborting.abort(), Math.random() * 300);
    const script =
      'sleep "$0" & setsid sleep "$0" & timeout 100 sleep "$0" & wait';
    await failureOf(
      runner.run(
        new Command("sh", ["-c", script, mark + index]).cancelOn(
          aborting.signal,
        ),
      ),
    );
    clearTimeout(timer);
  });
  await Promise.all(runs);
  await untilNobodyHas(mark);
});
