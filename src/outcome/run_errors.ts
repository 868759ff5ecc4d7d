import { ProcessKitError } from "./base_error.ts";
import { messageOf, outputTail, quotedCommandLine } from "./message_text.ts";
import { describeOutcome } from "./outcome.ts";

/** The command line and the output of a finished run, for a {@linkcode FinishedRunError}. */
export interface FinishedRun {
  /** The program. */
  program: string;
  /**
   * The arguments of the program, for the command line in the message.
   *
   * @default {[]}
   */
  args?: readonly string[];
  /** The captured stdout: text, or bytes after `outputBytes`. */
  stdout: string | Uint8Array;
  /** The captured stderr. */
  stderr: string;
}

/**
 * The base class of the errors about a finished run. The message has the command line
 * and up to the last 20 lines of stderr, or of stdout if stderr is blank.
 */
export abstract class FinishedRunError extends ProcessKitError {
  // Read by accessors: console.log prints the fields of an error, and the output can be long.
  readonly #run: FinishedRun;

  /** Creates the error; `ending` completes the sentence "`command line` …", and `advice` is its second line. */
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

  /** The captured stdout: text, or bytes after `outputBytes`. */
  get stdout(): string | Uint8Array {
    return this.#run.stdout;
  }

  /** The captured stderr. */
  get stderr(): string {
    return this.#run.stderr;
  }
}

/**
 * Thrown when a run exits with a code that does not count as success. The message has the
 * command line and up to the last 20 lines of stderr, or of stdout if stderr is blank.
 */
export class ExitError extends FinishedRunError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "exit" as const;
  /** The exit code. */
  readonly code: number;

  /** Creates the error for a run that exited with `code`. */
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
 * Thrown when a run was killed by a signal. The message has the command line, the name of the
 * signal, and up to the last 20 lines of stderr, or of stdout if stderr is blank.
 */
export class SignalledError extends FinishedRunError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "signalled" as const;
  /** The number of the signal, or `null` if it is unknown. */
  readonly signal: number | null;

  /** Creates the error for a run that was killed by `signal`. */
  constructor(run: FinishedRun, signal: number | null) {
    super(
      run,
      describeOutcome({ kind: "signalled", signal }),
      signal === SIGPIPE ? SIGPIPE_ADVICE : "",
    );
    this.signal = signal;
  }
}

/**
 * Thrown when a run reached the deadline of its command or its pipeline. The message has the
 * command line and up to the last 20 lines of stderr, or of stdout if stderr is blank.
 */
export class TimeoutError extends FinishedRunError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "timeout" as const;
  /** The timeout in milliseconds, or `null` if a command without a timeout replays a recorded one. */
  readonly timeout: number | null;

  /** Creates the error for a run whose timeout was `timeout` milliseconds. */
  constructor(run: FinishedRun, timeout: number | null) {
    super(
      run,
      timeout === null ? "timed out" : `timed out after ${timeout} ms`,
    );
    this.timeout = timeout;
  }
}

/**
 * Thrown after a run whose line handler threw or rejected. The run itself completed, and its
 * output was captured. The handler was not called again. `cause` is what the handler threw.
 */
export class HandlerError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "handler" as const;

  /** Creates the error for a run whose handler threw `cause`. */
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
/** The exit code of a shell whose command was killed by SIGPIPE. */
const SIGPIPE_IN_SHELL = 128 + SIGPIPE;
const SIGPIPE_ADVICE =
  "The next stage of the pipeline, or another reader of its output, stopped reading; " +
  ".uncheckedInPipe() on this command allows that in a pipeline.";
