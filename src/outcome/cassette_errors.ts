import { ProcessKitError } from "./base_error.ts";
import { bounded, quoted } from "./message_text.ts";

/** Why a cassette had no run to play. */
export type CassetteMissReason =
  | "unknown"
  | "exhausted"
  | "out-of-turn"
  | "text-only";

/** A recorded invocation that is near to one that has no recording. */
export interface NearRecording {
  /** Which entry of the cassette it is. */
  readonly index: number;
  /** The program, as it is in the cassette. */
  readonly program: string;
  /** The arguments after the program. */
  readonly args: readonly string[];
  /** The working directory, or `null`. */
  readonly cwd: string | null;
  /** Whether there was input on stdin. */
  readonly hasStdin: boolean;
  /** Program and arguments as a shell would read them, for display. */
  readonly commandLine: string;
  /** What differs, one by one, in words. */
  readonly differences: readonly string[];
}

/** What a {@linkcode CassetteMissError} tells beside what was asked. */
export interface CassetteMissOptions {
  /**
   * Why there was no run to play.
   *
   * @default {"unknown"}
   */
  reason?: CassetteMissReason;
  /**
   * What completes the sentence "the cassette … of this invocation".
   *
   * @default {"has no recording of"}
   */
  problem?: string;
  /**
   * The recorded invocations that are nearest.
   *
   * @default {[]}
   */
  nearest?: readonly NearRecording[];
  /**
   * What to do about it, as the last lines of the message.
   *
   * @default {[]}
   */
  advice?: readonly string[];
}

/**
 * Replay has no recording of what was asked, or not at this point. Never a
 * {@linkcode NotFoundError}: the program was not looked for.
 *
 * - `"unknown"`: there is none at all; `nearest` tells what there is that is like it.
 * - `"exhausted"`: all there are have been played, and `repeat` is `"error"`.
 * - `"out-of-turn"`: the order is strict, and another run is due; `nearest` has that one.
 * - `"text-only"`: it was asked for in bytes, and recorded as text that does not tell them.
 */
export class CassetteMissError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "cassette-miss" as const;
  /** The cassette that was playing. */
  readonly path: string;
  /** Why there was no run to play. */
  readonly reason: CassetteMissReason;
  /** The recorded invocations that are nearest, the nearest first; at most three. */
  readonly nearest: readonly NearRecording[];

  /** Makes the error; `asked` says, in one line, which invocation has no recording. */
  constructor(
    program: string,
    path: string,
    asked: string,
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
        `the cassette ${quoted(path)} ${problem} ${bounded(asked, 400)}`,
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

/** What is wrong with a cassette's file. */
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
 * A cassette's file cannot be read or written, an entry was refused by a `guard`
 * (`"refused"`), recordings were not played that had to be (`"unplayed"`), or a test that
 * was to be recorded ran nothing (`"empty"`). The message holds the path.
 */
export class CassetteError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "cassette" as const;
  /** What is wrong, as a literal. */
  readonly reason: CassetteErrorReason;
  /** The cassette's path, as it was given. */
  readonly path: string;

  /** Makes the error; `problem` completes the sentence "cassette `path`: …". */
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
