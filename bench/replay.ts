// What one replayed run costs, and whether it costs more when the cassette is
// large.

import {
  Cassette,
  type CassetteEntry,
  Command,
  RecordReplayRunner,
} from "../mod.ts";
import {
  duration,
  type Go,
  medians,
  printHead,
  printRow,
  ratio,
  temporaryFolder,
} from "./measure.ts";

const SMALL = 10;
const BIG = 100_000;
/** One replay is too short for the clock: this many make one go. */
const BATCH = 100;
const ROUNDS = { warmUp: 100, measured: 1000 };
const TARGET = "≤ 20 µs, about 1 ×";

await using folder = await temporaryFolder();
const small = await replayerOf(SMALL);
const big = await replayerOf(BIG);
const [smallMap, bigMap] = [mapOf(SMALL), mapOf(BIG)];
const times = await medians({
  small: replayGo(small, SMALL),
  sameTen: replayGo(big, SMALL),
  allOver: replayGo(big, BIG),
  smallMap: lookupGo(smallMap, SMALL),
  bigMap: lookupGo(bigMap, BIG),
}, ROUNDS);

printHead("one replayed outputString", "of 10", "of 100,000");
print("the same 10 commands", times.small, times.sameTen, TARGET);
print("10,000 different ones", times.small, times.allOver, TARGET);
// The memory that so many keys are in is slower, whoever looks there.
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

function replayGo(replayer: RecordReplayRunner, different: number): Go {
  const commands = indices(different).map((index) =>
    new Command("git", argsOf(index))
  );
  let at = 0;
  return () =>
    duration(async () => {
      for (let count = 0; count < BATCH; count++) {
        await replayer.outputString(commands[at++ % commands.length]);
      }
    });
}

function mapOf(size: number): Map<string, number> {
  return new Map(
    Array.from({ length: size }, (_, index) => [keyOf(argsOf(index)), index]),
  );
}

function lookupGo(map: ReadonlyMap<string, number>, different: number): Go {
  const args = indices(different).map(argsOf);
  let at = 0;
  return () =>
    duration(() => {
      for (let count = 0; count < BATCH; count++) {
        // Made anew, like a command's: one that was looked up before is faster.
        if (!map.has(keyOf(args[at++ % args.length]))) {
          throw new Error("missing");
        }
      }
    });
}

/** As many for few keys as for many: what is made of them takes up memory too. */
function indices(different: number): number[] {
  // A prime: keys that follow each other in the file do not in time.
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
