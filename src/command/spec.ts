import type { ProcessRunner } from "./default_runner.ts";
import { type OutputLimits, UNBOUNDED } from "./output_buffer.ts";
import type { Signal } from "./signal.ts";
import type { StageConnection } from "./stage_connection.ts";
import { Stdin } from "./stdin.ts";

/** Where one of a child's output streams goes: captured, to the caller's own, or nowhere. */
export type OutputMode = "piped" | "inherit" | "null";

/** What is called for every line of a stream; a promise is awaited before the next line. */
export type LineHandler = (line: string) => void | Promise<void>;

/** When and how often a verb that demands success tries again. */
export interface RetryOptions {
  /** How many runs there may be in all, the first one included. At least 1. */
  attempts: number;
  /**
   * How long to wait before each further run, in milliseconds.
   *
   * @default {0}
   */
  backoff?: number;
  /** Whether the error that a run ended in is worth another one. */
  when: (error: unknown) => boolean;
}

/** How a file is written to that a child has for an output stream. */
export interface OutputFileOptions {
  /**
   * Whether what is in the file stays, and the output comes after it.
   *
   * @default {false}
   */
  append?: boolean;
}

/** A file that a child has for an output stream. */
export interface OutputFile {
  readonly path: string;
  readonly append: boolean;
}

/** All that a `Command` says, as plain data. */
export interface CommandSpec {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | null;
  /** Set variables with their values, removed ones with `null`. */
  readonly envs: ReadonlyMap<string, string | null>;
  /** Whether the child starts from an empty environment. */
  readonly envCleared: boolean;
  /** The variables that a child with an empty environment still gets from its parent. */
  readonly envInherited: readonly string[];
  readonly stdin: Stdin | "inherit";
  /** Whether stdin stays open after that, for the live handle to be written to. */
  readonly keepStdinOpen: boolean;
  readonly stdout: OutputMode | OutputFile;
  readonly stderr: OutputMode | OutputFile;
  /** What its stdout goes into, if it feeds another stage of a pipeline. */
  readonly connection: StageConnection | null;
  /** Whether a pipeline goes on as if it had succeeded, whatever its exit status. */
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
  /**
   * What of its output is kept for a recording, whatever becomes of it otherwise: all
   * of it, and when it came as well.
   */
  readonly transcript: "none" | "output" | "timed";
  /** Whether the run is refused where it could outlive a caller that is killed. */
  readonly killOnParentDeath: boolean;
  /** What runs the command's own verbs; `null` for the default runner. */
  readonly runner: ProcessRunner | null;
  /** Whether the child stays in the caller's own session and process group. */
  readonly foreground: boolean;
}

/** Whether anybody listens to its stdout. */
export function hasStdoutListeners(
  { stdoutHandlers, stdoutTees }: CommandSpec,
): boolean {
  return stdoutHandlers.length > 0 || stdoutTees.length > 0;
}

/** What a command says that only names a program. */
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
