import { ProcessKitError } from "./base_error.ts";
import { messageOf, outputTail, quotedCommandLine } from "./message_text.ts";
import { endingOf } from "./outcome.ts";

/** What the errors about a finished run carry: the command line and all output. */
export interface FinishedRun {
  /** The program that ran. */
  program: string;
  /**
   * The arguments it was given, for the command line in the message.
   *
   * @default {[]}
   */
  args?: readonly string[];
  /** All of its stdout: text, or bytes for `outputBytes`. */
  stdout: string | Uint8Array;
  /** All of its stderr. */
  stderr: string;
}

/**
 * The base of the errors about a run that has ended. The message has the command line
 * and up to the last 20 lines of stderr, or of stdout if stderr is empty.
 */
export abstract class FinishedRunError extends ProcessKitError {
  // Accessors, so that printing the error does not print all output.
  readonly #run: FinishedRun;

  /** Makes the error; `ending` completes the sentence "`command line` …". */
  constructor(run: FinishedRun, ending: string, advice: string = "") {
    const tail = outputTail(run.stderr, run.stdout);
    super(
      [
        `${quotedCommandLine(run.program, run.args)} ${ending}${
          tail === null ? "; no output was captured" : ""
        }`,
        ...(advice === "" ? [] : [advice]),
        ...(tail === null ? [] : [tail]),
      ].join("\n"),
      { program: run.program },
    );
    this.#run = run;
  }

  /** All of stdout up to the end of the run: text, or bytes for `outputBytes`. */
  get stdout(): string | Uint8Array {
    return this.#run.stdout;
  }

  /** All of stderr up to the end of the run. */
  get stderr(): string {
    return this.#run.stderr;
  }
}

/**
 * The run exited with a code that does not count as success. The message has the command
 * line and up to the last 20 lines of stderr, or of stdout if stderr is empty.
 */
export class ExitError extends FinishedRunError {
  /** Tells this class in a `switch`. */
  override readonly kind = "exit" as const;
  /** The exit code. */
  readonly code: number;

  /** Makes the error for a run that exited with `code`. */
  constructor(run: FinishedRun, code: number) {
    super(
      run,
      `exited with code ${code}`,
      code === SIGPIPE_IN_SHELL
        ? `Code 141 is 128 + SIGPIPE. ${SIGPIPE_ADVICE}`
        : "",
    );
    this.code = code;
  }
}

/**
 * A signal ended the run. The message has the command line, the signal's name and up to
 * the last 20 lines of stderr, or of stdout if stderr is empty.
 */
export class SignalledError extends FinishedRunError {
  /** Tells this class in a `switch`. */
  override readonly kind = "signalled" as const;
  /** The signal's number, or `null` if it is unknown. */
  readonly signal: number | null;

  /** Makes the error for a run that was killed by `signal`. */
  constructor(run: FinishedRun, signal: number | null) {
    super(
      run,
      endingOf({ kind: "signalled", signal }),
      signal === SIGPIPE ? SIGPIPE_ADVICE : "",
    );
    this.signal = signal;
  }
}

/**
 * The run reached the deadline that its own command set. The message has the command
 * line and up to the last 20 lines of stderr, or of stdout if stderr is empty.
 */
export class TimeoutError extends FinishedRunError {
  /** Tells this class in a `switch`. */
  override readonly kind = "timeout" as const;
  /** The deadline, in milliseconds; `null` when a recorded timeout is replayed by a command without one. */
  readonly timeout: number | null;

  /** Makes the error for a run whose deadline was `timeout` milliseconds. */
  constructor(run: FinishedRun, timeout: number | null) {
    super(
      run,
      timeout === null ? "timed out" : `timed out after ${timeout} ms`,
    );
    this.timeout = timeout;
  }
}

/**
 * A line handler threw or rejected. The run itself succeeded, and all its output was
 * captured; the handler was not called again. `cause` is what the handler threw.
 */
export class HandlerError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "handler" as const;

  /** Makes the error for a run whose handler threw `cause`. */
  constructor(
    run: Pick<FinishedRun, "program" | "args">,
    cause: unknown,
  ) {
    super(
      `a line handler of ${quotedCommandLine(run.program, run.args)} threw: ${
        messageOf(cause)
      }`,
      { program: run.program, cause },
    );
  }
}

const SIGPIPE = 13;
/** What a shell exits with when SIGPIPE has killed what it ran. */
const SIGPIPE_IN_SHELL = 128 + SIGPIPE;
const SIGPIPE_ADVICE =
  "The next stage of the pipeline, or another reader of its output, stopped reading; " +
  ".uncheckedInPipe() on this command allows that in a pipeline.";
