import { ProcessKitError, type ProcessKitErrorOptions } from "./base_error.ts";
import { bounded, lastWords, messageOf, quoted } from "./message_text.ts";

/** The program is not there. {@linkcode isNotFound} is true for this error and for nothing else. */
export class NotFoundError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "not-found" as const;
  /** The `PATH` folders that were tried; empty when the program was named by a path. */
  readonly searched: readonly string[];

  /** Makes the error for `program`, looked for in `searched`. */
  constructor(
    program: string,
    searched: readonly string[] = [],
    options: { cause?: unknown } = {},
  ) {
    const where = searched.length > 0
      ? ` in PATH (${bounded(searched.join(":"), 400)})`
      : "";
    super(`cannot start ${quoted(program)}: no such program${where}`, {
      ...options,
      program,
    });
    this.searched = Object.freeze([...searched]);
  }
}

/** The program is there, or was not looked for, but could not be started. */
export class SpawnError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "spawn" as const;

  /** Makes the error; `reason` completes the sentence "cannot start `program`: …". */
  constructor(
    program: string,
    reason: string,
    options: { cause?: unknown } = {},
  ) {
    super(`cannot start ${quoted(program)}: ${bounded(reason, 600)}`, {
      ...options,
      program,
    });
  }
}

/** The source feeding a run's stdin failed while the run was going on; the run was ended. */
export class StdinError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "stdin" as const;

  /** Makes the error; `cause` is what the source threw. */
  constructor(program: string, cause: unknown) {
    super(
      `the stdin source of ${quoted(program)} failed, so the run was ended: ${
        messageOf(cause)
      }`,
      { program, cause },
    );
  }
}

/** A one-shot stdin source was asked to feed a second run, or was already in use. Nothing was started. */
export class StdinConsumedError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "stdin-consumed" as const;

  /** Makes the error for the run of `program` that found its source used up. */
  constructor(program: string, options: { cause?: unknown } = {}) {
    super(
      `cannot start ${
        quoted(program)
      }: its one-shot stdin source has fed a run already or is in use; ` +
        "give every run a source of its own, or use a reusable one such as Stdin.fromBytes",
      { ...options, program },
    );
  }
}

/** The stdin of a live process is closed: the process has ended or closed it, or `finish` was called. */
export class StdinClosedError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "stdin-closed" as const;

  /** Makes the error for a write that `program` will never read. */
  constructor(program: string) {
    super(
      `cannot write to the stdin of ${quoted(program)}: it is closed, by ` +
        "finish() or because the program has ended or closed it",
      { program },
    );
  }
}

/** The output of a live process can be read once, and somebody has it already. */
export class OutputConsumedError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "output-consumed" as const;
  /** Who has it: the method that took it. */
  readonly takenBy: string;

  /** Makes the error for `wanted`, which comes after `takenBy`. */
  constructor(
    program: string,
    stream: "stdout" | "stderr",
    wanted: string,
    takenBy: string,
  ) {
    super(
      `${wanted} cannot have the ${stream} of ${
        quoted(program)
      }: it was taken by ${takenBy}, and is there once; ` +
        "read it in one way, or use finish() for how the run ended",
      { program },
    );
    this.takenBy = takenBy;
  }
}

/** What the errors about a finished run carry: everything it had printed. */
export interface FinishedRun {
  /** The program that ran. */
  program: string;
  /** All of its stdout: text, or bytes for `outputBytes`. */
  stdout: string | Uint8Array;
  /** All of its stderr. */
  stderr: string;
}

/** The run ended with an exit code that does not count as success. */
export class ExitError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "exit" as const;
  /** The exit code. */
  readonly code: number;
  /** All of stdout: text, or bytes for `outputBytes`. */
  readonly stdout: string | Uint8Array;
  /** All of stderr. */
  readonly stderr: string;

  /** Makes the error; its message is one bounded line that ends in the last line of stderr. */
  constructor(run: FinishedRun, code: number) {
    super(
      `${quoted(run.program)} exited with code ${code}${lastWords(run.stderr)}`,
      { program: run.program },
    );
    this.code = code;
    this.stdout = run.stdout;
    this.stderr = run.stderr;
  }
}

/** A signal ended the run. */
export class SignalledError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "signalled" as const;
  /** The signal's number, or `null` when it is unknown. */
  readonly signal: number | null;
  /** All of stdout up to the end: text, or bytes for `outputBytes`. */
  readonly stdout: string | Uint8Array;
  /** All of stderr up to the end. */
  readonly stderr: string;

  /** Makes the error for a run ended by `signal`. */
  constructor(run: FinishedRun, signal: number | null) {
    const by = signal === null ? "an unknown signal" : `signal ${signal}`;
    super(`${quoted(run.program)} was ended by ${by}${lastWords(run.stderr)}`, {
      program: run.program,
    });
    this.signal = signal;
    this.stdout = run.stdout;
    this.stderr = run.stderr;
  }
}

/** The run reached the deadline its own command set. */
export class TimeoutError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "timeout" as const;
  /** The deadline, in milliseconds; `null` when a recorded timeout is replayed by a command without one. */
  readonly timeout: number | null;
  /** What stdout held when the run was ended: text, or bytes for `outputBytes`. */
  readonly stdout: string | Uint8Array;
  /** What stderr held when the run was ended. */
  readonly stderr: string;

  /** Makes the error for a run whose deadline was `timeout` milliseconds. */
  constructor(run: FinishedRun, timeout: number | null) {
    const after = timeout === null
      ? "timed out"
      : `timed out after ${timeout} ms`;
    super(`${quoted(run.program)} ${after}${lastWords(run.stderr)}`, {
      program: run.program,
    });
    this.timeout = timeout;
    this.stdout = run.stdout;
    this.stderr = run.stderr;
  }
}

/** The abort signal of the command fired. `cause` is the signal's reason. */
export class CancelledError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "cancelled" as const;

  /** Makes the error; `reason` is the `reason` of the abort signal. */
  constructor(program: string, reason: unknown) {
    super(`the run of ${quoted(program)} was cancelled`, {
      program,
      cause: reason,
    });
  }
}

/** What was asked for cannot be had here. */
export class UnsupportedError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "unsupported" as const;
  /** What was asked for. */
  readonly operation: string;

  /** Makes the error; `advice` says why not, and what to use instead. */
  constructor(
    operation: string,
    advice: string,
    options: ProcessKitErrorOptions = {},
  ) {
    super(`${operation} is not supported: ${advice}`, options);
    this.operation = operation;
  }
}

/** The output does not fit: it is longer than one string can be. */
export class OutputTooLargeError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "output-too-large" as const;

  /** Makes the error; `problem` says what was too large for what. */
  constructor(
    program: string,
    problem: string,
    options: { cause?: unknown } = {},
  ) {
    super(`the output of ${quoted(program)} is too large: ${problem}`, {
      ...options,
      program,
    });
  }
}

/** What was waited for has not come about, or cannot any more. The program was left as it is. */
export class NotReadyError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "not-ready" as const;

  /** Makes the error; `awaited` says what was waited for, and why in vain. */
  constructor(
    program: string,
    awaited: string,
    options: { cause?: unknown } = {},
  ) {
    super(`${quoted(program)} is not ready: ${awaited}`, {
      ...options,
      program,
    });
  }
}

/** The parser given to `parse` threw. `cause` is what it threw. */
export class ParseError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "parse" as const;
  /** The stdout that the parser was given. */
  readonly stdout: string;

  /** Makes the error for the output of `program`. */
  constructor(program: string, stdout: string, cause: unknown) {
    super(
      `cannot parse the output of ${quoted(program)}: ${messageOf(cause)}`,
      { program, cause },
    );
    this.stdout = stdout;
  }
}

/**
 * Whether `error` says that the program itself is not there.
 *
 * False for everything else, a missing working directory, a missing cassette
 * and a cassette miss among them.
 *
 * @example
 * ```ts
 * import { Command, isNotFound } from "@processkit/processkit";
 *
 * try {
 *   console.log(await new Command("jq", ["--version"]).run());
 * } catch (error) {
 *   if (!isNotFound(error)) throw error;
 *   console.log("jq is not installed");
 * }
 * ```
 */
export function isNotFound(error: unknown): error is NotFoundError {
  return error instanceof NotFoundError;
}
