// The tree of processes that every library starts, and how it is found again: the last
// argument of each process is a number that no other process has.

import { readdir, readFile } from "node:fs/promises";
import type { Words } from "./libraries.ts";

/** The processes of the tree: the child, one in its group, and one that has left its group. */
export const PARTS = ["child", "background", "setsid"] as const;

/** A number for a tree; each of its processes has one more digit. */
export function newMarker(): string {
  return `600.${Math.random().toFixed(9).slice(2)}`;
}

/** A program that starts two more and waits for them. */
export function tree(marker: string): Words {
  const [child, background, setsid] = PARTS.map((_, index) => marker + index);
  const script = `sleep ${background} & setsid sleep ${setsid} & wait`;
  return ["sh", "-c", script, child];
}

/** The parts of a tree that are running. */
export async function runningParts(
  marker: string,
): Promise<{ part: string; pid: number }[]> {
  const found: { part: string; pid: number }[] = [];
  for (const pid of (await readdir("/proc")).filter(Number).map(Number)) {
    const last = (await argumentsOf(pid)).at(-1) ?? "";
    if (last.length !== marker.length + 1 || !last.startsWith(marker)) continue;
    found.push({ part: PARTS[Number(last.at(-1))], pid });
  }
  return found;
}

/** The process of a program that was given this argument, if it is running. */
export async function pidOf(
  program: string,
  argument: string,
): Promise<number | undefined> {
  for (const pid of (await readdir("/proc")).filter(Number).map(Number)) {
    const words = await argumentsOf(pid);
    if (words[0]?.endsWith(program) && words.at(-1) === argument) return pid;
  }
}

async function argumentsOf(pid: number): Promise<string[]> {
  try {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8");
    return line.split("\0").slice(0, -1);
  } catch {
    // It has exited.
    return [];
  }
}
