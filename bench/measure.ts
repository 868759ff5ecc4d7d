// The measuring and printing that all benchmarks share. The runs of the ways that are
// compared alternate, so that other load on the machine affects all of them alike.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";

/** Does one measured run, and returns its duration in milliseconds without the preparation. */
export type Trial = () => Promise<number>;

/** The number of trials of each way. */
export interface Rounds {
  readonly warmUp: number;
  readonly measured: number;
}

/** The runtime that runs this module. */
export const runtimeName: "Deno" | "Bun" = "Bun" in globalThis ? "Bun" : "Deno";

/** Measures how long `action` takes, in milliseconds. */
export async function duration(action: () => unknown): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** Runs the trials in alternation, and returns the median of each in milliseconds. */
export async function medians<Name extends string>(
  trials: Readonly<Record<Name, Trial>>,
  rounds: Rounds,
): Promise<Record<Name, number>> {
  const names = Object.keys(trials) as Name[];
  const times = Object.fromEntries(
    names.map((name) => [name, [] as number[]]),
  ) as Record<Name, number[]>;
  for (let round = -rounds.warmUp; round < rounds.measured; round++) {
    // A new order in each round: a trial can slow down the next, for example by garbage.
    for (const name of shuffled(names)) {
      const time = await trials[name]();
      if (round >= 0) times[name].push(time);
    }
  }
  return Object.fromEntries(
    names.map((name) => [name, median(times[name])]),
  ) as Record<Name, number>;
}

/** A line of a table. Times are in milliseconds. `bare` is the time of the way that ours is compared with. */
export interface Row {
  readonly name: string;
  readonly bare?: number;
  readonly ours: number;
  /** The comparison of the two times: a {@linkcode ratio} or a {@linkcode difference}. */
  readonly result?: string;
  readonly target?: string;
}

/** Prints the head of a table with the names of its two columns of times. */
export function printHead(title: string, bare = "bare", ours = "ours"): void {
  const rss = Math.round(process.memoryUsage().rss / 2 ** 20);
  console.log(`\n${runtimeName}: ${title} (${rss} MB resident)`);
  printLine("", bare, ours, "result", "target");
}

/** Prints a line of a table. */
export function printRow({ name, bare, ours, result, target }: Row): void {
  printLine(
    name,
    bare === undefined ? "" : time(bare),
    time(ours),
    result ?? "",
    target ?? "",
  );
}

/** Formats `ours` as a multiple of `bare`. */
export function ratio(bare: number, ours: number): string {
  return `${(ours / bare).toFixed(2)} ×`;
}

/** Formats the difference of `ours` from `bare`. */
export function difference(bare: number, ours: number): string {
  const more = ours - bare;
  return `${more < 0 ? "-" : "+"}${Math.abs(more).toFixed(2)} ms`;
}

/** Creates a temporary folder. Disposing it removes the folder with its content. */
export async function temporaryFolder(): Promise<
  { file(name: string): string } & AsyncDisposable
> {
  const path = await mkdtemp(`${tmpdir()}/processkit-bench-`);
  return {
    file: (name) => `${path}/${name}`,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

function median(times: readonly number[]): number {
  const sorted = times.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]
    : (sorted[middle - 1] + sorted[middle]) / 2;
}

function time(ms: number): string {
  if (ms < 0.1) return `${(ms * 1000).toFixed(2)} µs`;
  return `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
}

function printLine(
  name: string,
  bare: string,
  ours: string,
  result: string,
  target: string,
): void {
  const columns = [bare, ours, result].map((text) => text.padStart(12));
  console.log(`  ${name.padEnd(27)}${columns.join("")}   ${target}`.trimEnd());
}
