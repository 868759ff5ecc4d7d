// The watchers of a program, as the system shows them.

import { readdir, readFile } from "node:fs/promises";
import { WATCHER_NAME } from "../src/containment/watcher_process_scan.ts";

/** The watchers that are children of a process. */
export async function watchersOf(owner: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const [words, stat] = await Promise.all(
      ["cmdline", "stat"].map((file) =>
        readFile(`/proc/${name}/${file}`, "utf8").catch(() => "")
      ),
    );
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]);
    if (words.endsWith(`\0${WATCHER_NAME}\0`) && parent === owner) {
      found.push(Number(name));
    }
  }
  return found;
}
