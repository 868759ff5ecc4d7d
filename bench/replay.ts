// Measures a replayed run, and compares a small cassette with a large one.

import {
  Cassette,
  type CassetteEntry,
  Command,
  RecordReplayRunner,
} from "../mod.ts";
import {
  duration,
  medians,
  printHead,
  printRow,
  ratio,
  temporaryFolder,
  type Trial,
} from "./measure.ts";

const SMALL = 10;
const BIG = 100_000;
/** The number of replays in a trial: a single one is too short for the clock. */
const BATCH = 100;
const ROUNDS = { warmUp: 100, measured: 1000 };
const TARGET = "≤ 20 µs, about 1 ×";

await using folder = await temporaryFolder();
const small = await replayerOf(SMALL);
const big = await replayerOf(BIG);
const [smallMap, bigMap] = [mapOf(SMALL), mapOf(BIG)];
const times = await medians({
  small: replayTrial(small, SMALL),
  sameTen: replayTrial(big, SMALL),
  allOver: replayTrial(big, BIG),
  smallMap: lookupTrial(smallMap, SMALL),
  bigMap: lookupTrial(bigMap, BIG),
}, ROUNDS);

printHead("one replayed outputString", "of 10", "of 100,000");
print("the same 10 commands", times.small, times.sameTen, TARGET);
print("10,000 different ones", times.small, times.allOver, TARGET);
// For comparison: a plain Map is slower, too, when its keys occupy more memory.
print("Map.get, 10,000 keys", times.smallMap, times.bigMap);

function print(
  name: string,
  bare: number,
  ours: number,
  target?: string,
): void {
  printRow({
    name,
    bare: bare / BATCH,
    ours: ours / BATCH,
    result: ratio(bare, ours),
    target,
  });
}

async function replayerOf(size: number): Promise<RecordReplayRunner> {
  const path = folder.file(`${size}.json`);
  await new Cassette(Array.from({ length: size }, (_, index) => entry(index)))
    .write(path);
  return await RecordReplayRunner.replay(path);
}

function replayTrial(replayer: RecordReplayRunner, different: number): Trial {
  const commands = indices(different).map((index) =>
    new Command("git", argsOf(index))
  );
  let position = 0;
  return () =>
    duration(async () => {
      for (let count = 0; count < BATCH; count++) {
        await replayer.outputString(commands[position++ % commands.length]);
      }
    });
}

function mapOf(size: number): Map<string, number> {
  return new Map(
    Array.from({ length: size }, (_, index) => [keyOf(argsOf(index)), index]),
  );
}

function lookupTrial(
  map: ReadonlyMap<string, number>,
  different: number,
): Trial {
  const args = indices(different).map(argsOf);
  let position = 0;
  return () =>
    duration(() => {
      for (let count = 0; count < BATCH; count++) {
        // A new string, as for a command: looking up the same string again is faster.
        if (!map.has(keyOf(args[position++ % args.length]))) {
          throw new Error("missing");
        }
      }
    });
}

/** Returns the same number of indices for few keys as for many, so that the commands occupy as much memory. */
function indices(different: number): number[] {
  // A prime: keys that are adjacent in the file are then not used one after the other.
  const stride = 7919;
  return Array.from(
    { length: 10_000 },
    (_, index) => index * stride % different,
  );
}

function keyOf(args: readonly string[]): string {
  return JSON.stringify(args);
}

function argsOf(index: number): string[] {
  return ["log", "-n", String(index)];
}

function entry(index: number): CassetteEntry {
  return {
    program: "git",
    args: argsOf(index),
    cwd: null,
    stdinDigest: null,
    hasStdin: false,
    envNames: [],
    stdout: `commit ${String(index).padStart(40, "0")}\n\n`,
    stderr: "",
    code: 0,
    timedOut: false,
    signal: null,
  };
}
