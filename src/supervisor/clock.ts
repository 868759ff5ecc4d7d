import { sleep } from "../runner/sleep.ts";

/**
 * Where a {@linkcode Supervisor} takes the time from: a test has one of its own, by
 * which nobody waits.
 */
export interface Clock {
  /** The time, in milliseconds since whenever. It never goes back. */
  now(): number;
  /** Resolves after `ms` milliseconds, or as soon as the signal fires. Never rejects, and leaves nothing behind. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The time as it passes. */
export const REAL_CLOCK: Clock = Object.freeze({
  now: () => performance.now(),
  sleep: (ms: number, signal: AbortSignal) => sleep(ms, [signal]),
});
