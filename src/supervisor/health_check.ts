import { type RunningProcess, runOf } from "../runner/running_process.ts";
import type { SupervisionPlan } from "./plan.ts";

/**
 * Checks a process periodically. Resolves with `true` when as many checks in a row have
 * failed as the plan allows, and with `false` when the process has exited or the signal
 * fires.
 */
export async function becomesUnhealthy(
  process: RunningProcess,
  { health, clock }: SupervisionPlan,
  signal: AbortSignal,
): Promise<boolean> {
  if (health === null) return false;
  const { check, every, within, failures, startAfter } = health;
  await clock.sleep(startAfter, signal);
  for (let failed = 0; !signal.aborted;) {
    const answered = new AbortController();
    const isHealthy = await Promise.race([
      Promise.try(check, process).catch(() => false),
      clock.sleep(within, AbortSignal.any([signal, answered.signal]))
        .then(() => false),
    ]);
    answered.abort();
    // After the exit, a failed check says nothing about the process.
    if (signal.aborted || runOf(process).hasExited) break;
    failed = isHealthy ? 0 : failed + 1;
    if (failed >= failures) return true;
    await clock.sleep(every, signal);
  }
  return false;
}
