// Waits for conditions, in tests and in the programs that they start.

import { readFile } from "node:fs/promises";

/**
 * Waits until `condition` returns `true`. Throws after `ms` milliseconds. The default is far
 * longer than any test needs, so that only a condition that never holds fails.
 */
export async function eventually(
  description: string,
  condition: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  for (const end = Date.now() + ms; !await condition();) {
    if (Date.now() > end) {
      throw new Error(`not within ${ms} ms: ${description}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Tests whether a process exists and is not a zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat[stat.lastIndexOf(")") + 2] !== "Z";
  } catch {
    return false;
  }
}
