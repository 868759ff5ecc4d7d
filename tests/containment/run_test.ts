// What is left of a run, however it ends.

import { writeFile } from "node:fs/promises";
import {
  Command,
  JobRunner,
  ProcessGroup,
  type ProcessRunner,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { eventually, runtimeName, temporaryFolder, test } from "../harness.ts";
import {
  marked,
  newMark,
  type Shape,
  shapes,
  untilComplete,
  untilNobodyHas,
} from "../shapes.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

type Mechanism = "process-group" | "cgroup";

/**
 * What a normal end leaves behind under a process group: docs/timeouts-and-teardown.md
 * says why. Nothing else may be left, anywhere.
 */
const LEFT_BY_NORMAL_END: readonly string[] = [
  "one that called setsid",
  "one under timeout",
];

function commandsOf(trees: ReadonlyMap<string, Shape>): Command[] {
  return Array.from(
    trees.values(),
    ({ program, args }) => new Command(program, args),
  );
}

/** Every end of a run: starts the trees, ends them. */
const ENDS: Record<
  string,
  (
    containment: Mechanism,
    trees: ReadonlyMap<string, Shape>,
  ) => Promise<unknown>
> = {
  async abort(containment, trees) {
    await using runner = new JobRunner({ containment });
    const aborting = new AbortController();
    const runs = Promise.allSettled(
      commandsOf(trees).map((command) =>
        runner.outputString(command.cancelOn(aborting.signal))
      ),
    );
    await untilComplete(trees);
    aborting.abort();
    for (const { status } of await runs) assertEquals(status, "rejected");
  },

  async timeout(containment, trees) {
    await using runner = new JobRunner({ containment });
    const runs = commandsOf(trees).map((command) =>
      runner.outputString(command.timeout(3000).timeoutGrace(300))
    );
    await untilComplete(trees);
    for (const { timedOut } of await Promise.all(runs)) assert(timedOut);
  },

  async "disposal of its group"(containment, trees) {
    const group = await ProcessGroup.create({ containment });
    const runs = startAll(group, trees);
    await untilComplete(trees);
    await group[Symbol.asyncDispose]();
    assertEquals(await group.members(), []);
    await runs;
  },

  async "disposal of its runner"(containment, trees) {
    const runner = new JobRunner({ containment });
    const runs = startAll(runner, trees);
    await untilComplete(trees);
    await runner[Symbol.asyncDispose]();
    await runs;
  },

  async "a throw through await using"(containment, trees) {
    let runs: Promise<unknown> | undefined;
    const failure = await failureOf((async () => {
      await using group = await ProcessGroup.create({ containment });
      runs = startAll(group, trees);
      await untilComplete(trees);
      throw new RangeError("thrown");
    })());
    assertInstanceOf(failure, RangeError);
    await runs;
  },

  async "a shutdown of its group"(containment, trees) {
    await using group = await ProcessGroup.create({ containment });
    const runs = startAll(group, trees);
    await untilComplete(trees);
    const report = await group.shutdown({ grace: 300 });
    assertEquals(report.membersAfter, []);
    assertEquals(report.ending, "escalated");
    await runs;
  },
};

function startAll(
  runner: ProcessRunner,
  trees: ReadonlyMap<string, Shape>,
): Promise<unknown> {
  return Promise.all(
    commandsOf(trees).map((command) => runner.outputString(command)),
  );
}

for (const containment of ["process-group", "cgroup"] as const) {
  for (const [name, end] of Object.entries(ENDS)) {
    test(`nothing is left of runs that end by ${name}, under ${containment}`, async () => {
      const mark = newMark();
      await end(containment, shapes(runtimeName, (index) => mark + index));
      await untilNobodyHas(mark);
    });
  }

  test(`what is left of a run that ends by itself, under ${containment}, is what the table says`, async () => {
    const mark = newMark();
    const trees = shapes(runtimeName, (index) => mark + index);
    await using folder = await temporaryFolder();
    const gate = folder.file("gate");
    {
      await using runner = new JobRunner({ containment });
      const runs = commandsOf(trees).map(({ invocation }) =>
        // The tree is started in the background, with nothing of the run's.
        runner.outputString(
          sh(
            'gate=$1; shift; "$@" </dev/null >/dev/null 2>&1 & until [ -e "$gate" ]; do sleep 0.02; done',
            gate,
            invocation.program,
            ...invocation.args,
          ),
        )
      );
      await untilComplete(trees);
      await writeFile(gate, "");
      for (const { success } of await Promise.all(runs)) assert(success);
    }
    const left: string[] = [];
    await eventually("only those are left", async () => {
      left.length = 0;
      for (const [name, shape] of trees) {
        if ((await marked(shape.mark)).length > 0) left.push(name);
      }
      return left.length <= (containment === "cgroup" ? 0 : 2);
    }, 3000);
    assertEquals(left, containment === "cgroup" ? [] : LEFT_BY_NORMAL_END);
    for (const pid of await marked(mark)) {
      await new Command("kill", ["-9", String(pid)]).exitCode();
    }
  });
}
