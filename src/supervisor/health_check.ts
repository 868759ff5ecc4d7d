import { type RunningProcess, runOf } from "../runner/running_process.ts";
import type { SupervisionPlan } from "./plan.ts";

/**
 * Checks a process again and again. Resolves to `true` when so many checks in a row
 * have failed that it counts as wedged, and to `false` when it has ended, or the signal
 * fires.
 */
export async function isWedged(
  live: RunningProcess,
  { health, clock }: SupervisionPlan,
  signal: AbortSignal,
): Promise<boolean> {
  if (health === null) return false;
  const { check, every, within, failures, startAfter } = health;
  await clock.sleep(startAfter, signal);
  for (let failed = 0; !signal.aborted;) {
    const overdue = new AbortController();
    const isWell = await Promise.race([
      Promise.try(check, live).catch(() => false),
      clock.sleep(within, AbortSignal.any([signal, overdue.signal]))
        .then(() => false),
    ]);
    overdue.abort();
    // A check may well fail because of that.
    if (signal.aborted || runOf(live).hasExited) break;
    failed = isWell ? 0 : failed + 1;
    if (failed >= failures) return true;
    await clock.sleep(every, signal);
  }
  return false;
}
