// What a run leaves behind, in every way to end it.
//
// The full matrix is every way to end, every shape of process tree, and every containment.
// The sample takes every way with each containment, and some shapes for each of them.

import { writeFile } from "node:fs/promises";
import {
  Command,
  JobRunner,
  ProcessGroup,
  type ProcessRunner,
} from "../../mod.ts";
import { failureOf, sh, signal } from "../commands.ts";
import { eventually, temporaryFolder, test } from "../harness.ts";
import { HELD_DEADLINE, holdTimers } from "../held_timers.ts";
import {
  marked,
  newMark,
  sampledShapes,
  type Shape,
  shapes,
  untilComplete,
  untilNoneMarked,
} from "../shapes.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

const CONTAINMENTS = ["process-group", "cgroup"] as const;
type Mechanism = typeof CONTAINMENTS[number];

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

/** Every way to end runs: starts the trees, waits until they are complete, and ends them. */
const WAYS_TO_END: Record<
  string,
  (
    containment: Mechanism,
    trees: ReadonlyMap<string, Shape>,
  ) => Promise<unknown>
> = {
  async "an abort"(containment, trees) {
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

  async "a timeout"(containment, trees) {
    using deadline = holdTimers(HELD_DEADLINE);
    await using runner = new JobRunner({ containment });
    const runs = commandsOf(trees).map((command) =>
      runner.outputString(command.timeout(HELD_DEADLINE).timeoutGrace(100))
    );
    await untilComplete(trees);
    deadline.fire();
    for (const { timedOut } of await Promise.all(runs)) assert(timedOut);
  },

  async "the disposal of their group"(containment, trees) {
    const group = await ProcessGroup.create({ containment });
    const runs = startAll(group, trees);
    await untilComplete(trees);
    await group[Symbol.asyncDispose]();
    assertEquals(await group.members(), []);
    await runs;
  },

  async "the disposal of their runner"(containment, trees) {
    const runner = new JobRunner({ containment });
    const runs = startAll(runner, trees);
    await untilComplete(trees);
    await runner[Symbol.asyncDispose]();
    await runs;
  },

  async "an exception through await using"(containment, trees) {
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

  async "a shutdown of their group"(containment, trees) {
    await using group = await ProcessGroup.create({ containment });
    const runs = startAll(group, trees);
    await untilComplete(trees);
    const report = await group.shutdown({ grace: 100 });
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

for (const [row, containment] of CONTAINMENTS.entries()) {
  for (const [column, [name, end]] of Object.entries(WAYS_TO_END).entries()) {
    test(`runs that end by ${name} leave no process behind, under ${containment}`, async () => {
      const mark = newMark();
      const names = sampledShapes(row * 6 + column);
      await end(containment, shapes(mark, names));
      await untilNoneMarked(mark);
    });
  }

  test(`a run that ends by itself leaves behind what the README's table says, under ${containment}`, async () => {
    const mark = newMark();
    const trees = shapes(mark);
    await using folder = await temporaryFolder();
    const gate = folder.file("gate");
    {
      await using runner = new JobRunner({ containment });
      const runs = commandsOf(trees).map(({ invocation }) =>
        // The tree runs in the background and holds none of the run's pipes.
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
    const expected = containment === "cgroup" ? [] : LEFT_BY_NORMAL_END;
    const left = () =>
      [...trees].flatMap(([name, shape]) =>
        marked(shape.mark).length > 0 ? [name] : []
      );
    await eventually(
      "no other process is left",
      () => left().length <= expected.length,
    );
    assertEquals(left(), expected);
    for (const pid of marked(mark)) signal(pid, "SIGKILL");
  });
}
