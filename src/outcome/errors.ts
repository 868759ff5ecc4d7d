import { ProcessKitError, type ProcessKitErrorOptions } from "./base_error.ts";
import {
  bounded,
  messageOf,
  outputTail,
  quoted,
  quotedCommandLine,
} from "./message_text.ts";

/**
 * The program does not exist. {@linkcode isNotFound} is true for this error and for no
 * other.
 */
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
    super(`cannot start ${quoted(program)}: ${whyMissing(program, searched)}`, {
      ...options,
      program,
    });
    this.searched = Object.freeze([...searched]);
  }
}

function whyMissing(program: string, searched: readonly string[]): string {
  const words = program.trim().split(/\s+/);
  if (words.length > 1) {
    const [name, ...args] = words;
    const example = `new Command(${JSON.stringify(name)}, ${
      JSON.stringify(args).replaceAll('","', '", "')
    })`;
    return `there is no program of that name; arguments go into an array: ${
      example.length > 200 ? 'new Command("git", ["status"])' : example
    }`;
  }
  if (searched.length > 0) {
    const folders = searched.length === 1
      ? "the one folder"
      : `any of the ${searched.length} folders`;
    return `it is not in ${folders} of PATH; install it, or give its path`;
  }
  return program.includes("/")
    ? "there is no such file"
    : "there is no such program";
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

/** What a {@linkcode NotReadyError} shows of the process, and what it was caused by. */
export interface NotReadyErrorOptions {
  /** The arguments of the process, for the command line in the message. */
  args?: readonly string[];
  /** Its stderr so far, of which the message has up to the last 20 lines. */
  stderr?: string;
  /** What the last attempt, or the process itself, failed with. */
  cause?: unknown;
}

/**
 * What a probe such as `waitForLine` waits for did not happen in time, or cannot happen
 * any more because the process has exited. The probe leaves the process as it is.
 */
export class NotReadyError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "not-ready" as const;

  /** Makes the error; `problem` completes the sentence "`command line` is not ready: …". */
  constructor(
    program: string,
    problem: string,
    options: NotReadyErrorOptions = {},
  ) {
    const { args, stderr = "", ...rest } = options;
    const tail = outputTail(stderr, "");
    super(
      `${quotedCommandLine(program, args)} is not ready: ${problem}${
        tail === null ? "" : `\n${tail}`
      }`,
      { ...rest, program },
    );
  }
}

/** The parser given to `parse` threw. `cause` is what it threw. */
export class ParseError extends ProcessKitError {
  /** Tells this class in a `switch`. */
  override readonly kind = "parse" as const;
  // An accessor, so that printing the error does not print all output.
  readonly #stdout: string;

  /** Makes the error for the output of `program`. */
  constructor(program: string, stdout: string, cause: unknown) {
    super(
      `cannot parse the output of ${quoted(program)}: ${messageOf(cause)}`,
      { program, cause },
    );
    this.#stdout = stdout;
  }

  /** The stdout that the parser was given. */
  get stdout(): string {
    return this.#stdout;
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
