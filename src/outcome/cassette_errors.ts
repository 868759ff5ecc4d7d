import { ProcessKitError } from "./base_error.ts";
import { bounded, quoted } from "./message_text.ts";

/** Why a replay found no recorded run; see {@linkcode CassetteMissError}. */
export type CassetteMissReason =
  | "unknown"
  | "exhausted"
  | "out-of-turn"
  | "text-only";

/** A recorded invocation that is similar to the one that was not found. */
export interface NearRecording {
  /** The index of the entry in the cassette, from 0. */
  readonly index: number;
  /** The program, as the cassette stores it. */
  readonly program: string;
  /** The arguments after the program. */
  readonly args: readonly string[];
  /** The working directory, or `null` if none was set. */
  readonly cwd: string | null;
  /** Whether stdin had input. */
  readonly hasStdin: boolean;
  /** The program and the arguments, quoted for a POSIX shell. For display only. */
  readonly commandLine: string;
  /** One description for each field that differs. */
  readonly differences: readonly string[];
}

/** Options of the constructor of {@linkcode CassetteMissError}. */
export interface CassetteMissOptions {
  /**
   * Why no recorded run was found.
   *
   * @default {"unknown"}
   */
  reason?: CassetteMissReason;
  /**
   * The middle of the sentence "the cassette `path` … `invocation`".
   *
   * @default {"has no recording of"}
   */
  problem?: string;
  /**
   * The recorded invocations that are most similar, the most similar first.
   *
   * @default {[]}
   */
  nearest?: readonly NearRecording[];
  /**
   * What the caller can do, as the last lines of the message.
   *
   * @default {[]}
   */
  advice?: readonly string[];
}

/**
 * Thrown when a replay has no recorded run for a command. A replay never throws a
 * {@linkcode NotFoundError} instead, since it does not look for the program.
 *
 * - `"unknown"`: no recorded run matches the command. `nearest` has similar ones.
 * - `"exhausted"`: all matching runs were replayed, and `repeat` is `"error"`.
 * - `"out-of-turn"`: the order is strict, and another run is next. `nearest` has that run.
 * - `"text-only"`: the caller asked for bytes, and the run was recorded as text from which
 *   the bytes cannot be restored.
 */
export class CassetteMissError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "cassette-miss" as const;
  /** The path of the cassette. */
  readonly path: string;
  /** Why no recorded run was found. */
  readonly reason: CassetteMissReason;
  /** Up to three recorded invocations that are most similar, the most similar first. */
  readonly nearest: readonly NearRecording[];

  /** Creates the error; `invocation` is the command line that has no recorded run. */
  constructor(
    program: string,
    path: string,
    invocation: string,
    options: CassetteMissOptions = {},
  ) {
    const {
      reason = "unknown",
      problem = "has no recording of",
      nearest = [],
      advice = [],
    } = options;
    super(
      [
        `the cassette ${quoted(path)} ${problem} ${bounded(invocation, 400)}`,
        ...nearest.map(differenceLine),
        ...advice,
      ].join("\n"),
      { program },
    );
    this.path = path;
    this.reason = reason;
    this.nearest = nearest;
  }
}

function differenceLine(
  { index, commandLine, differences }: NearRecording,
): string {
  return `  entries[${index}]: recorded \`${bounded(commandLine, 120)}\`; ${
    bounded(differences.join("; "), 300)
  }`;
}

/** What is wrong with a cassette; see {@linkcode CassetteError}. */
export type CassetteErrorReason =
  | "not-found"
  | "invalid-data"
  | "symlink"
  | "not-a-file"
  | "too-large"
  | "refused"
  | "unplayed"
  | "empty"
  | "io";

/**
 * Thrown when a cassette cannot be read, written or used. The message contains its path.
 *
 * - `"not-found"`: the file does not exist.
 * - `"invalid-data"`: the content of the file is not a cassette.
 * - `"symlink"`: the path is a symbolic link, which a save does not write through.
 * - `"not-a-file"`: the path is a folder or a special file.
 * - `"too-large"`: the file is, or would become, larger than a cassette may be.
 * - `"refused"`: a `guard` refused an entry, and nothing was written.
 * - `"unplayed"`: recorded runs that had to be replayed were not replayed.
 * - `"empty"`: a test that had to be recorded ran no command.
 * - `"io"`: the operating system reported an error.
 */
export class CassetteError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "cassette" as const;
  /** What is wrong. */
  readonly reason: CassetteErrorReason;
  /** The path of the cassette, as the caller gave it. */
  readonly path: string;

  /** Creates the error; `problem` completes the sentence "cassette `path`: …". */
  constructor(
    path: string,
    reason: CassetteErrorReason,
    problem: string,
    options: { cause?: unknown } = {},
  ) {
    super(`cassette ${quoted(path)}: ${bounded(problem, 3000)}`, options);
    this.reason = reason;
    this.path = path;
  }
}
