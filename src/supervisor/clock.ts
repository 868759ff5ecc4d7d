import { sleep } from "../runner/sleep.ts";

/**
 * Supplies the time to a {@linkcode Supervisor}. A test can pass its own clock, whose
 * `sleep` returns at once; see {@linkcode Supervisor.withClock}.
 */
export interface Clock {
  /** Returns the time in milliseconds since any fixed moment. It must never decrease. */
  now(): number;
  /** Resolves after `ms` milliseconds, or as soon as the signal fires. Must never reject, and must leave no timer or listener. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The clock of the runtime. */
export const REAL_CLOCK: Clock = Object.freeze({
  now: () => performance.now(),
  sleep: (ms: number, signal: AbortSignal) => sleep(ms, [signal]),
});
