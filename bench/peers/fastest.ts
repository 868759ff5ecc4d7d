// Measures as ../measure.ts does, and keeps the fastest go: what other programs of the
// machine take away is not in it.

import type { Trial } from "../measure.ts";

/** The fastest of several goes of each, in milliseconds, having let them take turns. */
export async function fastest(
  goes: Readonly<Record<string, Trial>>,
  rounds: number,
): Promise<Record<string, number>> {
  const times: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, go] of Object.entries(goes)) {
      times[name] = Math.min(times[name] ?? Infinity, await go());
    }
  }
  return times;
}
