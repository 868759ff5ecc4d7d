import type { Command } from "../command/command.ts";
import type { ProcessResult } from "../outcome/result.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import { type Clock, REAL_CLOCK } from "./clock.ts";

/** After which ends a supervised program is started again: after a crash, after any, or after none. */
export type RestartPolicy = "on-crash" | "always" | "never";

/**
 * Whether a supervised program is well; a check that throws says no. Its stdout is taken,
 * for the result: a check asks by the network, a file, what the process uses.
 */
export type HealthCheck = (
  process: RunningProcess,
) => boolean | Promise<boolean>;

/** How a {@linkcode HealthCheck} is gone about. */
export interface HealthCheckOptions {
  /** How long to wait before each check, in milliseconds. */
  every: number;
  /**
   * How long a check may take, in milliseconds; one that takes longer has failed.
   *
   * @default {every}
   */
  within?: number;
  /**
   * How many checks have to fail, one after the other, for the program to be ended.
   *
   * @default {3}
   */
  failures?: number;
  /**
   * How long to wait before the first check, in milliseconds.
   *
   * @default {every}
   */
  startAfter?: number;
}

/** All that a supervisor knows, as plain data. Durations are milliseconds. */
export interface SupervisionPlan {
  readonly command: Command;
  /** `null` for the runner behind a command's own verbs. */
  readonly runner: ProcessRunner | null;
  readonly restart: RestartPolicy;
  readonly maxRestarts: number;
  readonly backoff: { readonly base: number; readonly factor: number };
  readonly maxBackoff: number;
  readonly jitter: number;
  readonly resetAfter: number;
  /** 0 for no such pauses. */
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

/** What a supervisor does unless it is told otherwise. */
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
