import {
  exited,
  type Outcome,
  signalled,
  timedOut,
} from "../../outcome/outcome.ts";
import type { OutputStream } from "../../outcome/result.ts";

/** What a recorded run and a live command are matched on. */
export interface CassetteKey {
  /** The program, as given to the command. */
  readonly program: string;
  /** The arguments after the program. */
  readonly args: readonly string[];
  /** The working directory, as given, or `null`. */
  readonly cwd: string | null;
  /** Whether there is input on stdin. */
  readonly hasStdin: boolean;
  /** The 64-bit digest of what is on stdin, or `null` for no input. */
  readonly stdinDigest: bigint | null;
}

/** The digests of chosen variables by their names; `null` for one that is removed. */
export type EnvDigests = Readonly<Record<string, string | null>>;

/** The texts of an entry that can hold what is not to be in the file; `stdin` by its digest only. */
export type CassetteField =
  | "program"
  | "args"
  | "cwd"
  | "stdin"
  | "stdout"
  | "stderr";

/** Some output that came together. */
export interface TimedOutput {
  /** When it came, in whole milliseconds from the start of the run. */
  readonly at: number;
  /** Where it was printed to. */
  readonly stream: OutputStream;
  /** What it was. */
  readonly text: string;
}

/** When the output of a run came; of each stream the pieces together are all of it. */
export interface CassetteTiming {
  /** The pieces, in the order in which they came. */
  readonly output: readonly TimedOutput[];
  /** When the run ended, in whole milliseconds from its start. */
  readonly end: number;
}

/** One recorded run, as plain data. At most one of `code`, `timedOut` and `signal` is set. */
export interface CassetteEntry extends CassetteKey {
  /** The names of the environment variables that were set or removed; no value is kept. */
  readonly envNames: readonly string[];
  /** All of stdout, verbatim. */
  readonly stdout: string;
  /** All of stderr, verbatim. */
  readonly stderr: string;
  /** The exit code, or `null` when the run did not exit. */
  readonly code: number | null;
  /** Whether the run reached its deadline. */
  readonly timedOut: boolean;
  /** The number of the signal that ended the run, or `null` when none did or it is unknown. */
  readonly signal: number | null;
  /** The streams that output is missing from; left out where there are none. */
  readonly truncatedStreams?: readonly OutputStream[];
  /** stdout in bytes, by base64, where it was recorded in bytes that its text does not tell. */
  readonly stdoutBase64?: string;
  /** The digests of the variables that `matchOn.env` chose, if the command set or removed any: `null` for removed. */
  readonly envDigests?: EnvDigests;
  /** When the output came, if that was recorded. */
  readonly timing?: CassetteTiming;
}

/** The fields that are set. */
export function optional<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

/** How the recorded run ended. */
export function outcomeOf(
  { timedOut: hasTimedOut, code, signal }: Pick<
    CassetteEntry,
    "timedOut" | "code" | "signal"
  >,
): Outcome {
  if (hasTimedOut) return timedOut();
  return code === null ? signalled(signal) : exited(code);
}
