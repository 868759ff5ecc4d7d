import type { ProcessRunner } from "./default_runner.ts";
import { type OutputLimits, UNBOUNDED } from "./output_buffer.ts";
import type { Signal } from "./signal.ts";
import type { StageConnection } from "./stage_connection.ts";
import { Stdin } from "./stdin.ts";

/** Where an output stream of a child goes: `"piped"` captures it, `"inherit"` sends it to that of the caller, `"null"` discards it. */
export type OutputMode = "piped" | "inherit" | "null";

/** Handles a line of output, without its line end. If it returns a promise, the next line waits for it. */
export type LineHandler = (line: string) => void | Promise<void>;

/** Options of {@linkcode Command.retry}. */
export interface RetryOptions {
  /** The maximum number of runs, including the first. At least 1. */
  attempts: number;
  /**
   * The time to wait before each further run, in milliseconds.
   *
   * @default {0}
   */
  backoff?: number;
  /** Decides whether to run again after this error. Not called for a `CancelledError` or a `HandlerError`. */
  when: (error: unknown) => boolean;
}

/** Options of {@linkcode Command.stdoutFile} and {@linkcode Command.stderrFile}. */
export interface OutputFileOptions {
  /**
   * Whether to append to the file instead of truncating it.
   *
   * @default {false}
   */
  append?: boolean;
}

/** A file that receives an output stream of a child. */
export interface OutputFile {
  readonly path: string;
  readonly append: boolean;
}

/** The fields of a `Command`, as plain data. */
export interface CommandSpec {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | null;
  /** The variables that the command sets, by name. The value of a removed variable is `null`. */
  readonly envs: ReadonlyMap<string, string | null>;
  /** Whether the child starts with an empty environment. */
  readonly envCleared: boolean;
  /** The variables that a child with an empty environment inherits. */
  readonly envInherited: readonly string[];
  readonly stdin: Stdin | "inherit";
  /** Whether stdin stays open after the input, so that the caller can write more. */
  readonly keepStdinOpen: boolean;
  readonly stdout: OutputMode | OutputFile;
  readonly stderr: OutputMode | OutputFile;
  /** The connection to the next stage of a pipeline, or `null`. */
  readonly connection: StageConnection | null;
  /** Whether a pipeline ignores the exit status of this stage. */
  readonly uncheckedInPipe: boolean;
  readonly stdoutHandlers: readonly LineHandler[];
  readonly stderrHandlers: readonly LineHandler[];
  readonly stdoutTees: readonly WritableStream<string>[];
  readonly stderrTees: readonly WritableStream<string>[];
  readonly outputBuffer: OutputLimits;
  readonly encoding: string;
  readonly lineTerminator: "lf" | "cr";
  readonly okCodes: readonly number[];
  readonly timeout: number | null;
  readonly timeoutGrace: number;
  readonly timeoutSignal: Signal;
  readonly retry: Required<RetryOptions> | null;
  readonly cancelOn: readonly AbortSignal[];
  /** Whether a run keeps all of its output for a recording: not, without the times of its pieces, or with them. */
  readonly transcript: "none" | "output" | "timed";
  /** Whether a run is refused if it could outlive a caller that is killed. */
  readonly killOnParentDeath: boolean;
  /** The runner of the command's own verbs, or `null` for the default runner. */
  readonly runner: ProcessRunner | null;
  /** Whether the child stays in the session and the process group of the caller. */
  readonly foreground: boolean;
}

/** Tests whether stdout has a line handler or a tee. */
export function hasStdoutListeners(
  { stdoutHandlers, stdoutTees }: CommandSpec,
): boolean {
  return stdoutHandlers.length > 0 || stdoutTees.length > 0;
}

/** The fields of a command without settings. */
export const DEFAULTS: Omit<CommandSpec, "program"> = Object.freeze({
  args: Object.freeze([]),
  cwd: null,
  envs: new Map(),
  envCleared: false,
  envInherited: Object.freeze([]),
  stdin: Stdin.empty(),
  keepStdinOpen: false,
  stdout: "piped",
  stderr: "piped",
  connection: null,
  uncheckedInPipe: false,
  stdoutHandlers: Object.freeze([]),
  stderrHandlers: Object.freeze([]),
  stdoutTees: Object.freeze([]),
  stderrTees: Object.freeze([]),
  outputBuffer: UNBOUNDED,
  encoding: "utf-8",
  lineTerminator: "lf",
  okCodes: Object.freeze([0]),
  timeout: null,
  timeoutGrace: 0,
  timeoutSignal: "SIGTERM",
  retry: null,
  cancelOn: Object.freeze([]),
  transcript: "none",
  killOnParentDeath: false,
  foreground: false,
  runner: null,
});
