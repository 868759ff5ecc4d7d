// What one replayed run costs, and whether it costs more when the cassette is large.

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

await using folder = await temporaryFolder();
const small = await goOf(SMALL);
const big = await goOf(BIG);

printHead("one replayed outputString", "of 10", "of 100,000");
const times = await medians({ small, big }, ROUNDS);
printRow({
  name: "found, big against small",
  bare: times.small / BATCH,
  ours: times.big / BATCH,
  result: ratio(times.small, times.big),
  target: "≤ 20 µs, about 1 ×",
});

/** Replays a cassette of `size` entries, all over it. */
async function goOf(size: number): Promise<Go> {
  const path = folder.file(`${size}.json`);
  await new Cassette(Array.from({ length: size }, (_, index) => entry(index)))
    .write(path);
  const replayer = await RecordReplayRunner.replay(path);
  const commands = commandsOf(size);
  let at = 0;
  return () =>
    duration(async () => {
      for (let count = 0; count < BATCH; count++) {
        await replayer.outputString(commands[at++ % commands.length]);
      }
    });
}

/** As many commands for a small cassette as for a big one: they take up memory too. */
function commandsOf(size: number): Command[] {
  // A prime: keys that follow each other in the file do not in time.
  const stride = 7919;
  return Array.from(
    { length: 10_000 },
    (_, index) => new Command("git", argsOf(index * stride % size)),
  );
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
