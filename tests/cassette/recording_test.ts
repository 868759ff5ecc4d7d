import { mkdir, rename, rmdir } from "node:fs/promises";
import fc from "fast-check";
import { Cassette, type CassetteEntry, CassetteError } from "../../mod.ts";
import { CassetteWriter } from "../../src/cassette/recorder/cassette_writer.ts";
import { failureOf } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import { sized } from "../size.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

const NO_RUN = Cassette.parse(
  '{"version":1,"entries":[{"program":"x","args":[],"stdout":"","stderr":"","code":0}]}',
).entries[0];

function entryOf(program: string): CassetteEntry {
  return { ...NO_RUN, program };
}

async function programsIn(path: string): Promise<string[]> {
  return (await Cassette.read(path)).entries.map(({ program }) => program);
}

/** A run, and what is known of whether it must be in the file at the end. */
interface Expected {
  readonly program: string;
  isSaved: boolean;
  /** Whether a save succeeded that was under way when the run completed: that save may have included the run. */
  isPerhapsSaved: boolean;
  isDiscarded: boolean;
  /** The pending saves that began after the run had completed. */
  readonly takenBy: Set<number>;
  /** The pending saves that began before the run completed. */
  readonly seenBy: Set<number>;
}

test("any order of runs, saves, failures and discards leaves the requested runs in the file", async () => {
  await using folder = await temporaryFolder();
  const action = fc.constantFrom(
    ...["run", "run", "run", "save", "save", "discard", "wait", "settle"],
    ...["break", "mend"],
  );
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("no guard", "a quick guard", "a slow guard"),
      fc.boolean(),
      fc.array(action, { maxLength: 14 }),
      async (guarding, appends, actions) => {
        const path = folder.file(`${turn++}.json`);
        const recording = new CassetteWriter(path, {
          guards: guarding === "no guard" ? [] : [
            guarding === "a quick guard"
              ? () => {}
              : () => new Promise((resolve) => setTimeout(resolve, 1)),
          ],
          appends,
          existing: 0,
        });
        await new Cassette().write(path);
        const runs: Expected[] = [];
        const pending = new Map<number, Promise<void>>();
        let saves = 0;
        let isBroken = false;
        const done = (number: number, succeeded: boolean) => {
          pending.delete(number);
          for (const run of runs) {
            const wasTaken = run.takenBy.delete(number);
            const wasSeen = run.seenBy.delete(number);
            if (succeeded) {
              run.isSaved ||= wasTaken;
              run.isPerhapsSaved ||= wasSeen;
            }
          }
        };
        const steps = {
          run() {
            const program = `run ${runs.length}`;
            recording.add(entryOf(program));
            runs.push({
              program,
              isSaved: false,
              isPerhapsSaved: false,
              isDiscarded: false,
              takenBy: new Set(),
              seenBy: new Set(pending.keys()),
            });
          },
          save() {
            const number = saves++;
            for (const run of runs) {
              if (!run.isDiscarded) run.takenBy.add(number);
            }
            pending.set(
              number,
              recording.save().then(
                () => done(number, true),
                () => done(number, false),
              ),
            );
          },
          discard() {
            recording.discard();
            for (const run of runs) run.isDiscarded ||= !run.isSaved;
          },
          wait: () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
          settle: async () => void await Promise.all(pending.values()),
          async break() {
            await steps.settle();
            if (!isBroken) {
              await rename(path, `${path}.aside`);
              await mkdir(path);
            }
            isBroken = true;
          },
          async mend() {
            await steps.settle();
            if (isBroken) {
              await rmdir(path);
              await rename(`${path}.aside`, path);
            }
            isBroken = false;
          },
        };
        for (const name of actions) {
          await steps[name as keyof typeof steps]();
        }
        await steps.mend();
        steps.save();
        await steps.settle();
        const programs = await programsIn(path);
        const isThere = ({ program }: Expected) => programs.includes(program);
        const wanted = runs.filter(({ isSaved, isDiscarded }) =>
          isSaved || !isDiscarded
        );
        assert(wanted.every(isThere), `${programs}`);
        const possible = runs.filter((run) =>
          wanted.includes(run) || run.isPerhapsSaved
        );
        assertEquals(
          programs,
          possible.filter(isThere).map(({ program }) => program),
        );
      },
    ),
    { numRuns: sized(60, 400) },
  );
});

test("a save that begins after a discard does not fail because of a discarded run", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const recording = new CassetteWriter(path, {
    guards: [
      ({ program }) =>
        program === "bad" ? { field: "program", reason: "it is bad" } : null,
    ],
    appends: false,
    existing: 0,
  });
  recording.add(entryOf("bad"));
  const refused = failureOf(recording.save());
  recording.discard();
  recording.add(entryOf("good"));
  await recording.save();
  assertInstanceOf(await refused, CassetteError);
  assertEquals(await programsIn(path), ["good"]);
});

test("a discard keeps a run that completed before a pending save began to write", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const recording = new CassetteWriter(path, {
    guards: [],
    appends: false,
    existing: 0,
  });
  recording.add(entryOf("a"));
  const saving = recording.save();
  recording.add(entryOf("b"));
  // Long enough for the save to begin to write.
  for (let turn = 0; turn < 20; turn++) await null;
  recording.discard();
  await saving;
  assertEquals(await programsIn(path), ["a", "b"]);
  recording.add(entryOf("c"));
  await recording.save();
  assertEquals(await programsIn(path), ["a", "b", "c"]);
});
