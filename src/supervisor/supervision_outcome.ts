import type { AnyProcessKitError } from "../outcome/any_error.ts";
import type { ProcessResult } from "../outcome/result.ts";

/**
 * The reason why a supervision ended:
 *
 * - `"stopped"`: `stop` was called.
 * - `"stop-when"`: `stopWhen` returned `true` for the result.
 * - `"policy"`: the restart policy allows no restart: after a success with `"on-crash"`, or
 *   after any exit with `"never"`.
 * - `"gave-up"`: `giveUpWhen` returned `true` for the error of a crash.
 * - `"max-restarts"`: the program would have to be restarted more often than `maxRestarts`
 *   allows.
 */
export type SupervisionStopReason =
  | "stopped"
  | "stop-when"
  | "policy"
  | "gave-up"
  | "max-restarts";

/** The outcome of a supervision. */
export interface SupervisionOutcome {
  /** Why the supervision ended. */
  readonly reason: SupervisionStopReason;
  /** The result of the last run, or `null` if the run was not started or failed without a result. */
  readonly result: ProcessResult<string> | null;
  /**
   * The error of the last run, or `null`. It is set if the run failed without a result, for
   * example because the program could not be started. It is a `NotReadyError` if the health
   * check failed; `result` is then set, too.
   */
  readonly error: AnyProcessKitError | null;
  /** The number of restarts. */
  readonly restarts: number;
  /** The number of storm pauses. */
  readonly stormPauses: number;
  /** The number of times the program was stopped because its health check failed. */
  readonly livenessKills: number;
}

/** The state of a supervision. */
export type SupervisionState =
  | "starting"
  | "running"
  | "backing-off"
  | "storm-pause"
  | "stopping"
  | "ended";

/** A snapshot of a supervision. */
export interface SupervisionStatus {
  /** The state of the supervision. */
  readonly state: SupervisionState;
  /** The process ID of the program, or `null` if it is not running or is simulated. */
  readonly pid: number | null;
  /** The number of restarts. */
  readonly restarts: number;
  /** The number of storm pauses. */
  readonly stormPauses: number;
  /** The number of times the program was stopped because its health check failed. */
  readonly livenessKills: number;
}
