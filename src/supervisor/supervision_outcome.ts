import type { AnyProcessKitError } from "../outcome/any_error.ts";
import type { ProcessResult } from "../outcome/result.ts";

/**
 * Why a supervision ended:
 *
 * - `"stopped"`: by `stop`
 * - `"stop-when"`: `stopWhen` was true for the result
 * - `"policy"`: `restart` says so: a success, or any end with `"never"`
 * - `"gave-up"`: `giveUpWhen` was true for the crash
 * - `"max-restarts"`: it crashed, or ended, once more than `maxRestarts` allows
 */
export type SupervisionStopReason =
  | "stopped"
  | "stop-when"
  | "policy"
  | "gave-up"
  | "max-restarts";

/** What came of a supervision. */
export interface SupervisionOutcome {
  /** Why it ended. */
  readonly reason: SupervisionStopReason;
  /** What came of the last run; `null` if it was never started. */
  readonly result: ProcessResult<string> | null;
  /**
   * What the last run failed with beyond its result: it could not be started, or its
   * health check failed (`NotReadyError`). `null` otherwise.
   */
  readonly error: AnyProcessKitError | null;
  /** How many times the program was started again. */
  readonly restarts: number;
  /** How many times a storm of crashes was paused for. */
  readonly stormPauses: number;
  /** How many times the program was ended because its health check failed. */
  readonly livenessKills: number;
}

/** What a supervised program is doing. */
export type SupervisionState =
  | "starting"
  | "running"
  | "backing-off"
  | "storm-pause"
  | "stopping"
  | "ended";

/** How a supervision stands. */
export interface SupervisionStatus {
  /** What the program is doing. */
  readonly state: SupervisionState;
  /** The number of its process; `null` where there is none just now, or at all. */
  readonly pid: number | null;
  /** How many times it was started again. */
  readonly restarts: number;
  /** How many times a storm of crashes was paused for. */
  readonly stormPauses: number;
  /** How many times it was ended because its health check failed. */
  readonly livenessKills: number;
}
