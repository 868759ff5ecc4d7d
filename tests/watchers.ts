// Finds the watchers of a program in `/proc`.

import { readdirSync, readFileSync } from "node:fs";
import { statFields } from "../src/containment/proc_stat.ts";
import { WATCHER_NAME } from "../src/containment/watcher_process_scan.ts";

/** Returns the process IDs of the watchers that are children of a process. */
export function watchersOf(owner: number): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        if (!words.endsWith(`\0${WATCHER_NAME}\0`)) return false;
        const [, parent] = statFields(
          readFileSync(`/proc/${pid}/stat`, "utf8"),
        );
        return Number(parent) === owner;
      } catch {
        // The process has exited.
        return false;
      }
    });
}
