// What ends when the program that owns the runs ends, in every way to end.
//
// The full matrix is every way to end, every shape of process tree, and every containment.
// The sample takes every way with one containment and three shapes, so that it has every
// shape, and nearly every shape with both containments.

import { Command, JobRunner, type Outcome } from "../../mod.ts";
import { runtimeName, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import {
  newMark,
  SHAPE_NAMES,
  shapes,
  untilComplete,
  untilNoneMarked,
} from "../shapes.ts";
import { sized } from "../size.ts";
import { assertEquals, assertNotEquals } from "../std.ts";

const WAYS_TO_END = [
  "exit",
  "an uncaught error",
  "an unhandled rejection",
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGKILL",
  "Ctrl-C",
] as const;
type WayToEnd = typeof WAYS_TO_END[number];

const CONTAINMENTS = ["process-group", "cgroup"] as const;

/** Only an owner that hangs lives this long, in milliseconds. */
const LIMIT = 120_000;
const CTRL_C = "\x03";

const bare = new JobRunner({ containment: "none" });

/** Starts an owner of these shapes, has it end once they are complete, and returns its outcome. */
async function outcomeOfOwner(
  containment: typeof CONTAINMENTS[number] | "none",
  way: WayToEnd,
  mark: string,
  names: readonly string[],
): Promise<Outcome> {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/owner.ts",
  );
  const owner = new Command(program, [
    ...args,
    containment,
    way,
    mark,
    names.join(","),
  ]);
  const onTerminal = new Command("script", [
    "-qec",
    owner.commandLine(),
    "/dev/null",
  ]);
  await using live = await bare.start(
    (way === "Ctrl-C" ? onTerminal : owner).env("NO_COLOR", "1")
      .keepStdinOpen().timeout(LIMIT),
  );
  await live.waitForLine((line) => line.trim() === "ready", LIMIT);
  if (containment !== "none") await untilComplete(shapes(mark, names));
  const stdin = live.takeStdin()!;
  if (way === "Ctrl-C") await stdin.write(CTRL_C);
  else await stdin.finish();
  return await live.wait();
}

for (const [index, way] of WAYS_TO_END.entries()) {
  const sample = [index, index + 1, index + WAYS_TO_END.length]
    .map((at) => SHAPE_NAMES[at % SHAPE_NAMES.length]);
  const { containments, names } = sized(
    { containments: [CONTAINMENTS[index % 2]], names: sample },
    { containments: CONTAINMENTS, names: SHAPE_NAMES },
  );

  test(`an owner that ends by ${way} leaves no process behind, and has the same outcome as without runs`, async () => {
    const outcomes = containments.map(async (containment) => {
      const mark = newMark();
      const outcome = await outcomeOfOwner(containment, way, mark, names);
      await untilNoneMarked(mark, `under ${containment}`);
      return outcome;
    });
    const withoutRuns = await outcomeOfOwner("none", way, newMark(), names);
    assertNotEquals(withoutRuns, { kind: "exited", code: 0 });
    for (const outcome of await Promise.all(outcomes)) {
      assertEquals(outcome, withoutRuns);
    }
  });
}
