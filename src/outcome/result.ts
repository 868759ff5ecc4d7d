import { counted, INSPECT, shownText } from "./inspect.ts";
import { quotedCommandLine } from "./message_text.ts";
import { describeOutcome, isSuccess, type Outcome } from "./outcome.ts";
import {
  ExitError,
  type FinishedRun,
  SignalledError,
  TimeoutError,
} from "./run_errors.ts";

/** Fields of a {@linkcode ProcessResult}, for a runner of your own that creates results. */
export interface ProcessResultFields<T extends string | Uint8Array> {
  /** The program that ran, as given to the command. */
  program: string;
  /**
   * The arguments of the program, for the messages of errors.
   *
   * @default {[]}
   */
  args?: readonly string[];
  /** The captured stdout, unchanged. */
  stdout: T;
  /** The captured stderr, unchanged. */
  stderr: string;
  /** How the run ended. */
  outcome: Outcome;
  /**
   * The exit codes that count as success.
   *
   * @default {[0]}
   */
  okCodes?: readonly number[];
  /**
   * The streams whose output is incomplete, because the command's `outputBuffer` dropped
   * some of it or because the pipe was closed before its end. `true` means both streams.
   *
   * @default {false}
   */
  truncated?: boolean | readonly OutputStream[];
  /**
   * The timeout of the command in milliseconds, or `null` if it had none.
   *
   * @default {null}
   */
  configuredTimeout?: number | null;
  /**
   * The duration of the run in milliseconds.
   *
   * @default {0}
   */
  duration?: number;
  /**
   * The errors of line handlers and tees, in the order in which they happened.
   *
   * @default {[]}
   */
  handlerErrors?: readonly unknown[];
}

/** One of the two output streams of a program. */
export type OutputStream = "stdout" | "stderr";

// The following functions need private fields of ProcessResult. Its static block assigns them.

/** Returns the fields that an error about a result needs. */
export let finishedRunOf: (
  result: ProcessResult<string | Uint8Array>,
) => Required<FinishedRun>;

/** An error that a line handler threw, and the command line of its run. */
export interface HandlerFailure {
  readonly program: string;
  readonly args: readonly string[];
  readonly error: unknown;
}

/** Returns the errors of line handlers, without those of tees. */
export let handlerFailuresOf: (
  result: ProcessResult<string | Uint8Array>,
) => readonly HandlerFailure[];

/** Sets which of a result's `handlerErrors` line handlers threw. */
export let setHandlerFailures: (
  result: ProcessResult<string | Uint8Array>,
  failures: readonly HandlerFailure[],
) => void;

/** Returns the streams whose output is incomplete. */
export let truncatedStreamsOf: (
  result: ProcessResult<string | Uint8Array>,
) => readonly OutputStream[];

const SUCCESS_IS_ZERO: readonly number[] = Object.freeze([0]);
const NO_ERRORS: readonly unknown[] = Object.freeze([]);
const NO_ARGS: readonly string[] = Object.freeze([]);
const NO_STREAMS: readonly OutputStream[] = Object.freeze([]);
const BOTH_STREAMS: readonly OutputStream[] = Object.freeze([
  "stdout",
  "stderr",
]);

/**
 * Holds the outcome and the output of a finished run, whatever its exit code.
 *
 * Results of equal outcome and output are deeply equal. The duration and the errors of
 * handlers do not count: they are methods, which a deep comparison does not call.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * const result = await new Command("git", ["--version"]).outputString();
 * if (result.success) console.log(result.stdout, `${result.duration()} ms`);
 * else console.error(result.code, result.diagnostic);
 * ```
 */
export class ProcessResult<T extends string | Uint8Array> {
  static {
    truncatedStreamsOf = (result) => result.#truncatedStreams;
    handlerFailuresOf = (result) =>
      result.#handlerFailures ?? result.#handlerErrors.map((error) => ({
        program: result.program,
        args: result.#args,
        error,
      }));
    setHandlerFailures = (result, failures) => {
      result.#handlerFailures = failures;
    };
    finishedRunOf = (result) => ({
      program: result.program,
      args: result.#args,
      stdout: result.stdout,
      stderr: result.stderr,
    });
  }

  /** The program, as given to the command. */
  readonly program: string;
  /** The captured stdout. No newline is added, removed or translated. */
  readonly stdout: T;
  /** The captured stderr. No newline is added, removed or translated. */
  readonly stderr: string;
  /** How the run ended. */
  readonly outcome: Outcome;
  /** The exit codes that count as success. */
  readonly okCodes: readonly number[];
  /**
   * Whether output is missing: the command's `outputBuffer` dropped some of it, or a pipe
   * was closed before its end, for example because a background process held it open.
   */
  readonly truncated: boolean;
  /** The timeout of the command in milliseconds, or `null` if it had none. */
  readonly configuredTimeout: number | null;
  readonly #truncatedStreams: readonly OutputStream[];
  readonly #duration: number;
  readonly #handlerErrors: readonly unknown[];
  /** `null` if all of `#handlerErrors` are errors of line handlers. */
  #handlerFailures: readonly HandlerFailure[] | null = null;
  readonly #args: readonly string[];

  /** Creates a result. Only a runner needs this. */
  constructor(fields: ProcessResultFields<T>) {
    this.program = fields.program;
    this.stdout = fields.stdout;
    this.stderr = fields.stderr;
    this.outcome = fields.outcome;
    this.okCodes = fields.okCodes ?? SUCCESS_IS_ZERO;
    const { truncated = false } = fields;
    this.#truncatedStreams = truncated === true
      ? BOTH_STREAMS
      : truncated || NO_STREAMS;
    this.truncated = this.#truncatedStreams.length > 0;
    this.configuredTimeout = fields.configuredTimeout ?? null;
    this.#duration = fields.duration ?? 0;
    this.#handlerErrors = fields.handlerErrors ?? NO_ERRORS;
    this.#args = fields.args ?? NO_ARGS;
    Object.freeze(this);
  }

  /** The exit code, or `null` if the run was killed by a signal or timed out. */
  get code(): number | null {
    return this.outcome.kind === "exited" ? this.outcome.code : null;
  }

  /** The number of the signal that killed the run, or `null` if there was none or it is unknown. */
  get signal(): number | null {
    return this.outcome.kind === "signalled" ? this.outcome.signal : null;
  }

  /** Whether the run reached its deadline. */
  get timedOut(): boolean {
    return this.outcome.kind === "timed-out";
  }

  /** Whether the run exited with one of {@linkcode ProcessResult.okCodes}. */
  get success(): boolean {
    return isSuccess(this.outcome, this.okCodes);
  }

  /** Returns the duration of the run in milliseconds. It is 0 for a scripted or replayed run. */
  duration(): number {
    return this.#duration;
  }

  /** Returns the errors of line handlers and tees, in the order in which they happened. */
  handlerErrors(): readonly unknown[] {
    return this.#handlerErrors;
  }

  /** The text of stdout followed by the text of stderr. The two are not interleaved. */
  get combined(): string {
    return this.#stdoutText() + this.stderr;
  }

  /** The text to show after a failure: stderr, or stdout if stderr is blank. */
  get diagnostic(): string {
    return this.stderr.trim() === "" ? this.#stdoutText() : this.stderr;
  }

  /**
   * Returns this result if the run succeeded, and throws otherwise.
   *
   * @throws {ExitError} if the exit code is not among {@linkcode ProcessResult.okCodes}
   * @throws {SignalledError} if the run was killed by a signal
   * @throws {TimeoutError} if the run reached its deadline
   */
  ensureSuccess(): this {
    if (this.success) return this;
    switch (this.outcome.kind) {
      case "exited":
        throw new ExitError(finishedRunOf(this), this.outcome.code);
      case "signalled":
        throw new SignalledError(finishedRunOf(this), this.outcome.signal);
      case "timed-out":
        throw new TimeoutError(finishedRunOf(this), this.configuredTimeout);
    }
  }

  /** Returns one line: the command line, the outcome, and the beginning of each output. */
  toString(): string {
    const { outcome, stdout } = this;
    const line = quotedCommandLine(this.program, this.#args);
    const output = typeof stdout === "string"
      ? shownText(stdout)
      : `${stdout.length} bytes`;
    const notes = [
      `${line} ${describeOutcome(outcome)} in ${Math.round(this.#duration)} ms`,
      `stdout: ${output}`,
      `stderr: ${shownText(this.stderr)}`,
      this.truncated ? "output is missing" : "",
      this.#handlerErrors.length > 0
        ? counted(this.#handlerErrors.length, "handler error")
        : "",
    ];
    return notes.filter((note) => note !== "").join("; ");
  }

  /** Returns what `console.log` prints; see {@linkcode ProcessResult.toString}. */
  [INSPECT](): string {
    return `ProcessResult { ${this} }`;
  }

  #stdoutText(): string {
    const stdout: string | Uint8Array = this.stdout;
    return typeof stdout === "string"
      ? stdout
      : new TextDecoder("utf-8", { ignoreBOM: true }).decode(stdout);
  }
}
