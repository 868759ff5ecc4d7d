// Measures loading and saving a large cassette, compared with parsing and printing its JSON,
// and the speed of the digest of stdin.

import { open, readFile, writeFile } from "node:fs/promises";
import {
  Cassette,
  type CassetteEntry,
  CassetteMissError,
  Command,
  RecordReplayRunner,
  Stdin,
} from "../mod.ts";
import {
  duration,
  medians,
  printHead,
  printRow,
  ratio,
  temporaryFolder,
} from "./measure.ts";

const ENTRIES = 100_000;
const ROUNDS = { warmUp: 2, measured: 21 };
/** For measurements without a target. */
const FEWER_ROUNDS = { warmUp: 1, measured: 7 };
const STDIN_BYTES = 64 * 2 ** 20;

await using folder = await temporaryFolder();
const path = folder.file("large.json");
await new Cassette(Array.from({ length: ENTRIES }, (_, index) => entry(index)))
  .write(path);
const bytes = new Uint8Array(await readFile(path));
const text = new TextDecoder().decode(bytes);

const megabytes = (bytes.length / 1e6).toFixed(0);
printHead(`a cassette of ${megabytes} MB, ${ENTRIES} entries`, "JSON");
await compareParsing();
await comparePrinting();
await timeTheRest();
await timeDigest();

async function compareParsing(): Promise<void> {
  const times = await medians({
    bare: () => duration(() => JSON.parse(text)),
    ours: () => duration(() => Cassette.parse(text)),
  }, ROUNDS);
  printRow({
    name: "text to entries",
    ...times,
    result: ratio(times.bare, times.ours),
    target: "≤ 2.50 ×",
  });
}

async function comparePrinting(): Promise<void> {
  const data: unknown = JSON.parse(text);
  const cassette = Cassette.parse(text);
  const times = await medians({
    bare: () => duration(() => JSON.stringify(data, null, 2)),
    ours: () => duration(() => cassette.toString()),
  }, ROUNDS);
  printRow({
    name: "entries to text",
    ...times,
    result: ratio(times.bare, times.ours),
    target: "≤ 1.50 ×",
  });
}

/** Measures the steps that are not about JSON or mostly depend on the disk. They have no targets. */
async function timeTheRest(): Promise<void> {
  const cassette = Cassette.parse(text);
  const times = await medians({
    "reading the file": () => duration(() => readFile(path)),
    "decoding UTF-8": () => duration(() => new TextDecoder().decode(bytes)),
    "Cassette.read, all of it": () => duration(() => Cassette.read(path)),
    "writing the bytes": () => duration(() => writeFile(path, bytes)),
    "fsync of them": timeSync,
    "cassette.write, all of it": () => duration(() => cassette.write(path)),
  }, FEWER_ROUNDS);
  for (const [name, ours] of Object.entries(times)) printRow({ name, ours });
}

async function timeSync(): Promise<number> {
  await using file = await open(folder.file("synced.json"), "w");
  await file.writeFile(bytes);
  return await duration(() => file.sync());
}

/** Measures the digest by a replay that misses: it does nothing else that takes long. */
async function timeDigest(): Promise<void> {
  const empty = folder.file("empty.json");
  await new Cassette().write(empty);
  const replayer = await RecordReplayRunner.replay(empty);
  const input = new Uint8Array(STDIN_BYTES).map((_, index) => index);
  const { ours } = await medians({
    ours() {
      // The digest is cached with its source, so each trial needs a new source.
      const command = new Command("cat").stdin(Stdin.fromBytes(input));
      return duration(() => miss(replayer, command));
    },
  }, ROUNDS);
  printRow({
    name: `digest of ${STDIN_BYTES / 2 ** 20} MiB of stdin`,
    ours,
    result: `${(STDIN_BYTES / 1e3 / ours).toFixed(0)} MB/s`,
    target: "≥ 200 MB/s",
  });
}

async function miss(
  replayer: RecordReplayRunner,
  command: Command,
): Promise<void> {
  try {
    await replayer.outputString(command);
  } catch (error) {
    if (!(error instanceof CassetteMissError)) throw error;
  }
}

function entry(index: number): CassetteEntry {
  const commit = BigInt.asUintN(64, BigInt(index) * 0x9e3779b97f4a7c15n);
  const line = `${commit.toString(16).padStart(40, "0")} Fix a bug\n`;
  return {
    program: "git",
    args: ["log", "-n", String(index)],
    cwd: "/src",
    stdinDigest: commit,
    hasStdin: true,
    envNames: ["GIT_PAGER"],
    stdout: line.repeat(6),
    stderr: "",
    code: 0,
    timedOut: false,
    signal: null,
  };
}
