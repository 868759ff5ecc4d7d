import type { Outcome } from "../outcome/outcome.ts";
import type { OutputStream } from "../outcome/result.ts";

/** A run whose output and end are known beforehand: scripted, or recorded. */
export interface SimulatedRun {
  readonly stdout: string;
  /** stdout in bytes, where that is known to be anything but the text as UTF-8. Given away by whoever plays it. */
  readonly stdoutBytes: Uint8Array | null;
  readonly stderr: string;
  /** How it ends; `null` for a run that only its limits, or its owner, end. */
  readonly outcome: Outcome | null;
  /** How long each line of stdout takes to come, in milliseconds. */
  readonly lineDelay: number;
  /** When a live process prints what of it, and ends; `null` for at once. */
  readonly schedule: OutputSchedule | null;
  /**
   * What it prints for each line of its input, after all else; `null`, or the end of
   * its input, ends it. `null` in the function's place for one that reads nothing.
   */
  readonly answer: ((line: string) => string | null) | null;
  /** The streams that output is missing from. */
  readonly truncated: readonly OutputStream[];
}

/** When what is printed, in the order of time. */
export interface OutputSchedule {
  readonly output: readonly {
    /** In milliseconds from the start. */
    readonly at: number;
    readonly stream: OutputStream;
    readonly bytes: Uint8Array;
  }[];
  /** When it ends, in milliseconds from the start. */
  readonly end: number;
  /** How many times as long as it took that is. */
  readonly stretch: number;
}

/** What a known run is unless it says otherwise. */
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
