// Trees of many shapes, for tests of what is left of them. Every process that a
// shape is about has the shape's mark in its command line: by that it is counted.

import { readdir, readFile } from "node:fs/promises";
import { eventually } from "./waiting.ts";
import { scriptWords } from "./runtimes.ts";

/** The words that start a tree. All of it stays for as long as it is left alone. */
export interface Shape {
  readonly mark: string;
  readonly program: string;
  readonly args: readonly string[];
  /** How many processes with the mark there are, at the least, when it is complete. */
  readonly count: number;
}

const CHAIN =
  'if [ "$1" -gt 1 ]; then sh -c "$0" "$0" $(($1 - 1)) "$2"; else sleep "$2"; fi; :';
const FORK = 'sleep 0.02; sh -c "$0" "$0" "$1" & exit';

/** Every shape, by its name; `markOf` gives each a mark of its own. */
export function shapes(
  runtime: "deno" | "bun",
  markOf: (index: number) => string,
): Map<string, Shape> {
  const owner = scriptWords(runtime, "tests/fixtures/nested_owner.ts");
  const makers: Record<string, (mark: string) => Shape> = {
    "a child": (mark) => ({ mark, count: 1, program: "sleep", args: [mark] }),
    "a shell with two background children": sh(
      3,
      'sleep "$0" & sleep "$0" & wait',
    ),
    "a grandchild whose parent has exited": sh(
      3,
      '(sleep "$0" &); sleep "$0"; :',
    ),
    "one that called setsid": sh(2, 'setsid sleep "$0" & wait'),
    "one under timeout": sh(3, 'timeout 3600 sleep "$0" & wait'),
    "a chain ten deep": sh(11, 'sh -c "$1" "$1" 10 "$0"; :', CHAIN),
    "fifty siblings": sh(
      51,
      'n=50; while [ $n -gt 0 ]; do sleep "$0" & n=$((n - 1)); done; wait',
    ),
    "one that ignores TERM and HUP": sh(
      2,
      'trap "" TERM HUP; while :; do sleep "$0"; done',
    ),
    // Its leader stays: the one that forks is a new process every time, and may be
    // missed by who looks at one process after another.
    "one that keeps forking": sh(
      1,
      'sh -c "$1" "$1" "$0" & while :; do sleep 60; done',
      FORK,
    ),
    "a nested owner": (mark) => ({
      mark,
      count: 2,
      program: owner.program,
      args: [...owner.args, mark],
    }),
  };
  return new Map(
    Object.entries(makers).map(([name, make], index) => [
      name,
      make(markOf(index)),
    ]),
  );
}

/** A shape that is a shell script, with the mark for its name. */
function sh(
  count: number,
  script: string,
  ...args: string[]
): (mark: string) => Shape {
  return (mark) => ({
    mark,
    count,
    program: "sh",
    args: ["-c", script, mark, ...args],
  });
}

/** Waits until all of these trees are complete. */
export async function untilComplete(
  trees: Iterable<[string, Shape]>,
): Promise<void> {
  for (const [name, { mark, count }] of trees) {
    await eventually(
      `${name} is complete`,
      async () => (await marked(mark)).length >= count,
      30_000,
    );
  }
}

let made = 0;

/**
 * The beginning of marks that no other process has: a number of seconds, so that it
 * can be what `sleep` is told.
 */
export function newMark(): string {
  const unique = `${Date.now() % 1e8}${Math.floor(Math.random() * 1e6)}`;
  return `36000.${unique}${++made}`;
}

/** The processes that have the mark in their command line, and have not ended; the caller is not one. */
export async function marked(mark: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    // A process that only waits to be reaped has no command line any more.
    const words = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() =>
      ""
    );
    if (words.includes(mark)) found.push(Number(name));
  }
  return found;
}

/** Waits until nobody has the mark in the command line: for 3 s, which is what is promised. */
export async function untilNobodyHas(mark: string, where = ""): Promise<void> {
  await eventually(
    `nobody is left ${where}`,
    async () => (await marked(mark)).length === 0,
    3000,
  );
}
