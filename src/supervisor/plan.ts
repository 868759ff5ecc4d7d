import type { Command } from "../command/command.ts";
import type { ProcessResult } from "../outcome/result.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import { type Clock, REAL_CLOCK } from "./clock.ts";

/** When a supervised program is restarted: after a crash, after every exit, or never. */
export type RestartPolicy = "on-crash" | "always" | "never";

/**
 * Returns whether a supervised program is healthy. A check that throws or rejects has failed.
 *
 * A check cannot read stdout, which the supervisor consumes for the result. It can, for
 * example, send a request, look for a file, or read the resource usage of the process.
 */
export type HealthCheck = (
  process: RunningProcess,
) => boolean | Promise<boolean>;

/** Options of {@linkcode Supervisor.healthCheck}. */
export interface HealthCheckOptions {
  /** The time from the end of a check to the start of the next, in milliseconds. */
  every: number;
  /**
   * The timeout of a check in milliseconds. A check that takes longer has failed.
   *
   * @default {every}
   */
  within?: number;
  /**
   * The number of checks in a row that must fail before the program is stopped.
   *
   * @default {3}
   */
  failures?: number;
  /**
   * The time before the first check, in milliseconds.
   *
   * @default {every}
   */
  startAfter?: number;
}

/** The settings of a supervisor, as plain data. Durations are in milliseconds. */
export interface SupervisionPlan {
  readonly command: Command;
  /** `null` for the runner of the command's own verbs. */
  readonly runner: ProcessRunner | null;
  readonly restart: RestartPolicy;
  readonly maxRestarts: number;
  readonly backoff: { readonly base: number; readonly factor: number };
  readonly maxBackoff: number;
  readonly jitter: number;
  readonly resetAfter: number;
  /** 0 disables storm pauses. */
  readonly stormPause: number;
  readonly failureThreshold: number;
  readonly failureDecay: number;
  readonly health:
    | (Required<HealthCheckOptions> & { check: HealthCheck })
    | null;
  readonly stopWhen:
    | ((result: ProcessResult<string>) => boolean | Promise<boolean>)
    | null;
  readonly giveUpWhen: ((error: unknown) => boolean | Promise<boolean>) | null;
  readonly cancelOn: readonly AbortSignal[];
  readonly clock: Clock;
  readonly random: () => number;
}

/** The settings of a new supervisor. */
export const DEFAULTS: Omit<SupervisionPlan, "command"> = Object.freeze({
  runner: null,
  restart: "on-crash",
  maxRestarts: Infinity,
  backoff: Object.freeze({ base: 500, factor: 2 }),
  maxBackoff: 30_000,
  jitter: 0.5,
  resetAfter: 30_000,
  stormPause: 0,
  failureThreshold: 5,
  failureDecay: 60_000,
  health: null,
  stopWhen: null,
  giveUpWhen: null,
  cancelOn: Object.freeze([]),
  clock: REAL_CLOCK,
  random: Math.random,
});
