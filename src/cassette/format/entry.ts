import {
  exited,
  type Outcome,
  signalled,
  timedOut,
} from "../../outcome/outcome.ts";
import type { OutputStream } from "../../outcome/result.ts";

/**
 * The facts that a replay compares to find the recorded run of a command. All texts are as
 * in the file: normalized and redacted.
 */
export interface CassetteKey {
  /** The program, as given to the command. */
  readonly program: string;
  /** The arguments after the program. */
  readonly args: readonly string[];
  /** The working directory, as given to the command, or `null` if none was given. */
  readonly cwd: string | null;
  /** Whether the command has input on stdin. */
  readonly hasStdin: boolean;
  /**
   * The 64-bit digest of stdin, or `null` if there is no input. For stdin from a file, the
   * path is digested, not the content.
   */
  readonly stdinDigest: bigint | null;
}

/**
 * The digests of environment variables, by name. A digest is 16 hexadecimal digits, or
 * `null` if the command removes the variable.
 */
export type EnvDigests = Readonly<Record<string, string | null>>;

/**
 * The fields of an entry that may contain secrets or machine-dependent text. Of `"stdin"`,
 * the file has only a digest.
 */
export type CassetteField =
  | "program"
  | "args"
  | "cwd"
  | "stdin"
  | "stdout"
  | "stderr";

/** A piece of output that arrived at one time. */
export interface TimedOutput {
  /** The time of arrival, in whole milliseconds since the start of the run. */
  readonly at: number;
  /** The stream that the child wrote to. */
  readonly stream: OutputStream;
  /** The text of the piece. */
  readonly text: string;
}

/** The times at which the output of a run arrived and the run finished. */
export interface CassetteTiming {
  /**
   * The pieces of output, in the order of arrival. The pieces of a stream, joined, are the
   * whole text of that stream.
   */
  readonly output: readonly TimedOutput[];
  /** The time at which the run finished, in whole milliseconds since its start. */
  readonly end: number;
}

/**
 * A recorded run as plain data. At most one of `code`, `timedOut` and `signal` is set. If
 * none is, a signal with an unknown number ended the run.
 */
export interface CassetteEntry extends CassetteKey {
  /** The names of the environment variables that the command set or removed. Values are never stored. */
  readonly envNames: readonly string[];
  /** All of stdout, as in the file: normalized and redacted. */
  readonly stdout: string;
  /** All of stderr, as in the file: normalized and redacted. */
  readonly stderr: string;
  /** The exit code, or `null` if the run timed out or was ended by a signal. */
  readonly code: number | null;
  /** Whether the run reached its timeout. */
  readonly timedOut: boolean;
  /** The number of the signal that ended the run, or `null` if no signal did or its number is unknown. */
  readonly signal: number | null;
  /** The streams whose output is incomplete. Not set if both are complete. */
  readonly truncatedStreams?: readonly OutputStream[];
  /** The bytes of stdout as base64. Set only if bytes were recorded that cannot be restored from `stdout`. */
  readonly stdoutBase64?: string;
  /** The digests of the variables of `matchOn.env` that the command set or removed. Not set if there are none. */
  readonly envDigests?: EnvDigests;
  /** The times of the output, if the run was recorded with `timing`. */
  readonly timing?: CassetteTiming;
}

/** Returns the fields whose values are not `undefined`. */
export function definedFields<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

/** Returns the outcome of a recorded run. */
export function outcomeOf(
  { timedOut: hasTimedOut, code, signal }: Pick<
    CassetteEntry,
    "timedOut" | "code" | "signal"
  >,
): Outcome {
  if (hasTimedOut) return timedOut();
  return code === null ? signalled(signal) : exited(code);
}
