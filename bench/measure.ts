// What every measurement here shares: goes of two or more ways to do the same
// thing take turns, so that whatever else the machine does meets all of them.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";

/** One go, without what it has to prepare: how many milliseconds it took. */
export type Go = () => Promise<number>;

/** How many goes there are of each. */
export interface Rounds {
  readonly warmUp: number;
  readonly measured: number;
}

/** Which runtime this is. */
export const runtimeName: "Deno" | "Bun" = "Bun" in globalThis ? "Bun" : "Deno";

/** How many milliseconds `action` takes. */
export async function duration(action: () => unknown): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

/** The median of each, in milliseconds, having let them take turns. */
export async function medians<Name extends string>(
  goes: Readonly<Record<Name, Go>>,
  rounds: Rounds,
): Promise<Record<Name, number>> {
  const names = Object.keys(goes) as Name[];
  const times = Object.fromEntries(
    names.map((name) => [name, [] as number[]]),
  ) as Record<Name, number[]>;
  for (let round = -rounds.warmUp; round < rounds.measured; round++) {
    // In a new order each time: what one leaves behind, the next one pays for.
    for (const name of shuffled(names)) {
      const time = await goes[name]();
      if (round >= 0) times[name].push(time);
    }
  }
  return Object.fromEntries(
    names.map((name) => [name, median(times[name])]),
  ) as Record<Name, number>;
}

/** One line of a table; times are in milliseconds. */
export interface Row {
  readonly name: string;
  readonly bare?: number;
  readonly ours: number;
  /** What comes of the times: a {@linkcode ratio}, a {@linkcode difference}. */
  readonly result?: string;
  readonly target?: string;
}

/** Prints the head of a table; its columns are `bare` and `ours` unless told. */
export function printHead(title: string, bare = "bare", ours = "ours"): void {
  const rss = Math.round(process.memoryUsage().rss / 2 ** 20);
  console.log(`\n${runtimeName}: ${title} (${rss} MB resident)`);
  printLine("", bare, ours, "result", "target");
}

/** Prints one line of a table. */
export function printRow({ name, bare, ours, result, target }: Row): void {
  printLine(
    name,
    bare === undefined ? "" : time(bare),
    time(ours),
    result ?? "",
    target ?? "",
  );
}

/** How many times as long as `bare` it took. */
export function ratio(bare: number, ours: number): string {
  return `${(ours / bare).toFixed(2)} ×`;
}

/** How much longer than `bare` it took. */
export function difference(bare: number, ours: number): string {
  const more = ours - bare;
  return `${more < 0 ? "-" : "+"}${Math.abs(more).toFixed(2)} ms`;
}

/** A new folder that is gone, with all in it, when it is disposed of. */
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
