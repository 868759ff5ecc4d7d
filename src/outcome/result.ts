import { counted, INSPECT, shownText } from "./inspect.ts";
import { quotedCommandLine } from "./message_text.ts";
import { endingOf, isSuccess, type Outcome } from "./outcome.ts";
import {
  ExitError,
  type FinishedRun,
  SignalledError,
  TimeoutError,
} from "./run_errors.ts";

/** What a {@linkcode ProcessResult} is made of; for those who write a runner of their own. */
export interface ProcessResultFields<T extends string | Uint8Array> {
  /** The program that ran, as given to the command. */
  program: string;
  /**
   * The arguments it was given, for the messages of errors.
   *
   * @default {[]}
   */
  args?: readonly string[];
  /** All of stdout, verbatim. */
  stdout: T;
  /** All of stderr, verbatim. */
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
   * The streams that output is missing from, because it was more than the command's
   * `outputBuffer` keeps or a pipe had to be cut; `true` for both.
   *
   * @default {false}
   */
  truncated?: boolean | readonly OutputStream[];
  /**
   * The deadline the command had set, in milliseconds, or `null` for none.
   *
   * @default {null}
   */
  configuredTimeout?: number | null;
  /**
   * How long the run took, in milliseconds.
   *
   * @default {0}
   */
  duration?: number;
  /**
   * What line handlers threw and tees failed with, in the order in which it happened.
   *
   * @default {[]}
   */
  handlerErrors?: readonly unknown[];
}

/** One of the two streams that a program prints to. */
export type OutputStream = "stdout" | "stderr";

/** What an error about a result carries; set by {@linkcode ProcessResult} itself. */
export let finishedRunOf: (
  result: ProcessResult<string | Uint8Array>,
) => Required<FinishedRun>;

/** An error that a line handler threw, and the run whose handler it was. */
export interface HandlerFailure {
  readonly program: string;
  readonly args: readonly string[];
  readonly error: unknown;
}

/** What line handlers threw, without the failures of tees; set by {@linkcode ProcessResult} itself. */
export let handlerFailuresOf: (
  result: ProcessResult<string | Uint8Array>,
) => readonly HandlerFailure[];

/** Says which of a result's `handlerErrors` line handlers threw; set by {@linkcode ProcessResult} itself. */
export let setHandlerFailures: (
  result: ProcessResult<string | Uint8Array>,
  failures: readonly HandlerFailure[],
) => void;

/** The streams that output is missing from; set by {@linkcode ProcessResult} itself. */
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
 * What came back from a run that was started and ended: whatever its exit code.
 *
 * Two results are deep-equal when what they say is equal; how long the run took
 * and what handlers threw are behind methods so that they take no part in it.
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

  /** The program that ran, as given to the command. */
  readonly program: string;
  /** All of stdout, verbatim: no newline is added, removed or rewritten. */
  readonly stdout: T;
  /** All of stderr, verbatim. */
  readonly stderr: string;
  /** How the run ended. */
  readonly outcome: Outcome;
  /** The exit codes that count as success. */
  readonly okCodes: readonly number[];
  /** Whether output is missing: it was more than the command's `outputBuffer` keeps, or a pipe had to be cut. */
  readonly truncated: boolean;
  /** The deadline the command had set, in milliseconds, or `null` for none. */
  readonly configuredTimeout: number | null;
  readonly #truncatedStreams: readonly OutputStream[];
  readonly #duration: number;
  readonly #handlerErrors: readonly unknown[];
  /** `null` if every one of the errors is a handler's. */
  #handlerFailures: readonly HandlerFailure[] | null = null;
  readonly #args: readonly string[];

  /** Makes a result; only a runner needs to. */
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

  /** The exit code, or `null` when a signal or the deadline ended the run. */
  get code(): number | null {
    return this.outcome.kind === "exited" ? this.outcome.code : null;
  }

  /** The number of the signal that ended the run, or `null` when none did or it is unknown. */
  get signal(): number | null {
    return this.outcome.kind === "signalled" ? this.outcome.signal : null;
  }

  /** Whether the run reached its own deadline. */
  get timedOut(): boolean {
    return this.outcome.kind === "timed-out";
  }

  /** Whether the run ended with one of {@linkcode ProcessResult.okCodes}. */
  get success(): boolean {
    return isSuccess(this.outcome, this.okCodes);
  }

  /** How long the run took by the wall clock, in milliseconds; 0 for a scripted or replayed result. */
  duration(): number {
    return this.#duration;
  }

  /** What line handlers threw or rejected with, in the order it happened. */
  handlerErrors(): readonly unknown[] {
    return this.#handlerErrors;
  }

  /** stdout, then stderr, as text. */
  get combined(): string {
    return this.#stdoutText() + this.stderr;
  }

  /** stderr if it says anything, else stdout, as text: what to show when a run went wrong. */
  get diagnostic(): string {
    return this.stderr.trim() === "" ? this.#stdoutText() : this.stderr;
  }

  /**
   * Returns this result if the run succeeded.
   *
   * @throws {ExitError} if it exited with another code
   * @throws {SignalledError} if a signal ended it
   * @throws {TimeoutError} if it reached its deadline
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

  /** The result in one line: the command line, how it ended, and the beginning of each output. */
  toString(): string {
    const { outcome, stdout } = this;
    const line = quotedCommandLine(this.program, this.#args);
    const output = typeof stdout === "string"
      ? shownText(stdout)
      : `${stdout.length} bytes`;
    const notes = [
      `${line} ${endingOf(outcome)} in ${Math.round(this.#duration)} ms`,
      `stdout: ${output}`,
      `stderr: ${shownText(this.stderr)}`,
      this.truncated ? "output is missing" : "",
      this.#handlerErrors.length > 0
        ? counted(this.#handlerErrors.length, "handler error")
        : "",
    ];
    return notes.filter((note) => note !== "").join("; ");
  }

  /** What `console.log` prints; see {@linkcode ProcessResult.toString}. */
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
