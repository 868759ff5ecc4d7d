// What is left of everything that a program had running, by whatever door it goes.

import { Command, JobRunner, type ProcessResult } from "../../mod.ts";
import { runtimeName, test } from "../harness.ts";
import { PROGRAMS, scriptWords } from "../runtimes.ts";
import { newMark, shapes, untilComplete, untilNobodyHas } from "../shapes.ts";
import { assertEquals, assertNotEquals } from "../std.ts";

const DOORS = [
  "exit",
  "uncaught error",
  "unhandled rejection",
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGKILL",
  "Ctrl-C",
] as const;
type Door = typeof DOORS[number];

const bare = new JobRunner({ containment: "none" });

/** Starts an owner of all shapes, has it go by a door once they are there, and tells how it ended. */
async function endOf(
  containment: string,
  door: Door,
  mark: string,
): Promise<ProcessResult<string>["outcome"]> {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/owner.ts",
  );
  const owner = new Command(program, [
    ...args,
    containment,
    door,
    mark,
    runtimeName,
  ]);
  const { readable, writable } = new TransformStream<Uint8Array>();
  const onTerminal = new Command("script", [
    "-qec",
    owner.commandLine(),
    "/dev/null",
  ]);
  const command = (door === "Ctrl-C" ? onTerminal : owner).env({
    NO_COLOR: "1",
    PROCESSKIT_TEST_DENO: PROGRAMS.deno,
  });
  const ending = bare.outputString(command.stdin(readable).timeout(60_000));
  if (containment === "nothing started") {
    // Long enough to be at the terminal's foreground.
    await new Promise((resolve) => setTimeout(resolve, 1000));
  } else {
    await untilComplete(shapes(runtimeName, (index) => mark + index));
  }
  const writer = writable.getWriter();
  if (door === "Ctrl-C") await writer.write(new Uint8Array([3]));
  else await writer.close();
  const { outcome } = await ending;
  if (door === "Ctrl-C") await writer.close().catch(() => {});
  return outcome;
}

for (const door of DOORS) {
  test(`nothing is left of an owner that goes by ${door}, and it ends as it would have`, async () => {
    const marks = { "process-group": newMark(), cgroup: newMark() };
    const ends = await Promise.all(
      Object.entries(marks).map(async ([containment, mark]) => {
        const outcome = await endOf(containment, door, mark);
        await untilNobodyHas(mark, containment);
        return outcome;
      }),
    );
    const asWithout = await endOf("nothing started", door, newMark());
    assertNotEquals(asWithout, { kind: "exited", code: 0 });
    assertEquals(ends, [asWithout, asWithout]);
  });
}
