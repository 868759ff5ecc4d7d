// Process trees of many shapes, for tests that no process outlives its run or its owner.
// Every process of a tree has the mark of the tree in its command line. Tests find it by
// that mark.

import { readdirSync, readFileSync } from "node:fs";
import { runtimeName } from "./runtime_name.ts";
import { scriptWords } from "./runtimes.ts";
import { sized } from "./size.ts";
import { eventually } from "./waiting.ts";

/** A command that starts a tree of processes. None of them exits by itself. */
export interface Shape {
  readonly mark: string;
  readonly program: string;
  readonly args: readonly string[];
  /** The number of processes with the mark once the tree is complete. */
  readonly count: number;
}

const CHAIN =
  'if [ "$1" -gt 1 ]; then sh -c "$0" "$0" $(($1 - 1)) "$2"; else sleep "$2"; fi; :';
const FORK = 'sleep 0.02; sh -c "$0" "$0" "$1" & exit';

// The shapes that are the hardest to kill: a process outside of the process group, and one
// that only SIGKILL kills.
const CALLED_SETSID = "one that called setsid";
const IGNORES_SIGNALS = "one that ignores TERM and HUP";

const MAKERS: Readonly<Record<string, (mark: string) => Shape>> = {
  "a child": (mark) => ({ mark, count: 1, program: "sleep", args: [mark] }),
  "a shell with two background children": sh(
    3,
    'sleep "$0" & sleep "$0" & wait',
  ),
  "a grandchild whose parent has exited": sh(
    3,
    '(sleep "$0" &); sleep "$0"; :',
  ),
  [CALLED_SETSID]: sh(2, 'setsid sleep "$0" & wait'),
  "one under timeout": sh(3, 'timeout 3600 sleep "$0" & wait'),
  "a chain ten deep": sh(11, 'sh -c "$1" "$1" 10 "$0"; :', CHAIN),
  "fifty siblings": sh(
    51,
    'n=50; while [ $n -gt 0 ]; do sleep "$0" & n=$((n - 1)); done; wait',
  ),
  [IGNORES_SIGNALS]: sh(
    2,
    'trap "" TERM HUP; while :; do sleep "$0"; done',
  ),
  // Only the leader is counted. A forking process is replaced after 20 ms, and one scan of
  // all processes can miss both the old and the new one.
  "one that keeps forking": sh(
    1,
    'sh -c "$1" "$1" "$0" & while :; do sleep 60; done',
    FORK,
  ),
  "a nested owner": (mark) => {
    const { program, args } = scriptWords(
      runtimeName,
      "tests/fixtures/nested_owner.ts",
    );
    return { mark, count: 3, program, args: [...args, mark] };
  },
};

/** The name of every shape. */
export const SHAPE_NAMES: readonly string[] = Object.keys(MAKERS);

/** Creates the shapes of these names. Their marks begin with `mark`. */
export function shapes(
  mark: string,
  names: readonly string[] = SHAPE_NAMES,
): Map<string, Shape> {
  return new Map(
    names.map((name) => [
      name,
      MAKERS[name](`${mark}${SHAPE_NAMES.indexOf(name)}`),
    ]),
  );
}

/**
 * Returns the shapes that a case of a matrix covers: all shapes at full size, otherwise
 * the two hardest and two more. Six cases in a row cover all shapes.
 */
export function sampledShapes(index: number): readonly string[] {
  const [one, other] = [index, index + 5].map((at) =>
    SHAPE_NAMES[at % SHAPE_NAMES.length]
  );
  const sample = new Set([one, other, CALLED_SETSID, IGNORES_SIGNALS]);
  return sized([...sample], SHAPE_NAMES);
}

/** Creates a shape that runs a shell script, with the mark as its `$0`. */
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

/** Waits until every process of these trees is running. */
export async function untilComplete(
  trees: ReadonlyMap<string, Shape>,
): Promise<void> {
  const missing = new Map(trees);
  await eventually(
    `complete: ${[...trees.keys()].join(", ")}`,
    () => {
      const all = commandLines();
      for (const [name, { mark, count }] of missing) {
        if (withMark(all, mark).length >= count) missing.delete(name);
      }
      return missing.size === 0;
    },
  );
}

let markCount = 0;

/**
 * Creates the beginning of marks that no other process has. It is a number, so that `sleep`
 * takes it as its argument.
 */
export function newMark(): string {
  const unique = `${Date.now() % 1e8}${Math.floor(Math.random() * 1e6)}`;
  return `36000.${unique}${++markCount}`;
}

/** Returns the IDs of the processes with the mark in their command line. */
export function marked(mark: string): number[] {
  return withMark(commandLines(), mark);
}

/** Waits until `count` processes have the mark. */
export async function untilMarked(mark: string, count: number): Promise<void> {
  await eventually(
    `${count} processes with the mark`,
    () => marked(mark).length >= count,
  );
}

/** Waits until no process has the mark. */
export async function untilNoneMarked(
  mark: string,
  where = "",
): Promise<void> {
  let emptyScans = 0;
  await eventually(`no process left ${where}`, () => {
    emptyScans = marked(mark).length === 0 ? emptyScans + 1 : 0;
    // A single scan can miss a process that forks and exits during the scan.
    return emptyScans === 3;
  });
}

/** Reads the command line of every process. */
function commandLines(): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      found.set(Number(name), readFileSync(`/proc/${name}/cmdline`, "utf8"));
    } catch {
      // The process has exited.
    }
  }
  return found;
}

function withMark(all: ReadonlyMap<number, string>, mark: string): number[] {
  return [...all].flatMap(([pid, words]) => words.includes(mark) ? [pid] : []);
}
