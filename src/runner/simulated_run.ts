import type { Outcome } from "../outcome/outcome.ts";
import type { OutputStream } from "../outcome/result.ts";

/**
 * A run whose output and outcome are known in advance: scripted, or replayed from a
 * cassette.
 */
export interface SimulatedRun {
  readonly stdout: string;
  /**
   * stdout as bytes, if it is not `stdout` in UTF-8; otherwise `null`. Playing the run
   * hands the array over, so it must not be used again.
   */
  readonly stdoutBytes: Uint8Array | null;
  readonly stderr: string;
  /** The outcome; `null` for a run that keeps running until it is killed. */
  readonly outcome: Outcome | null;
  /** The time before each line of stdout, in milliseconds. */
  readonly lineDelay: number;
  /**
   * The times at which a live process prints its output and exits; `null` to print at
   * once.
   */
  readonly schedule: OutputSchedule | null;
  /**
   * Returns the output for each line of input, after all other output. If it returns
   * `null`, or the input ends, the run exits. `null` in place of the function for a run
   * that reads no input.
   */
  readonly answer: ((line: string) => string | null) | null;
  /** The streams whose output is incomplete. */
  readonly truncated: readonly OutputStream[];
}

/** The output of a live process in the order of time. */
export interface OutputSchedule {
  readonly output: readonly {
    /** In milliseconds from the start. */
    readonly at: number;
    readonly stream: OutputStream;
    readonly bytes: Uint8Array;
  }[];
  /** The time of the exit, in milliseconds from the start. */
  readonly end: number;
  /** The factor by which the recorded times were multiplied. */
  readonly stretch: number;
}

/** A simulated run that prints nothing and exits with code 0. */
export const SILENT_SUCCESS: SimulatedRun = Object.freeze({
  stdout: "",
  stdoutBytes: null,
  stderr: "",
  outcome: Object.freeze({ kind: "exited", code: 0 }),
  lineDelay: 0,
  schedule: null,
  answer: null,
  truncated: Object.freeze([]),
});
