import { ProcessKitError, type ProcessKitErrorOptions } from "./base_error.ts";
import {
  bounded,
  messageOf,
  outputTail,
  quoted,
  quotedCommandLine,
} from "./message_text.ts";

/**
 * Thrown when the program does not exist. {@linkcode isNotFound} returns `true` for this
 * error and for no other.
 */
export class NotFoundError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "not-found" as const;
  /** The folders of `PATH` that were searched. Empty if the program was given as a path. */
  readonly searched: readonly string[];

  /** Creates the error; `searched` are the folders of `PATH` that were searched. */
  constructor(
    program: string,
    searched: readonly string[] = [],
    options: { cause?: unknown } = {},
  ) {
    super(
      `cannot start ${quoted(program)}: ${notFoundReason(program, searched)}`,
      {
        ...options,
        program,
      },
    );
    this.searched = Object.freeze([...searched]);
  }
}

function notFoundReason(program: string, searched: readonly string[]): string {
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

/**
 * Thrown when a program cannot be started, for example because it may not be executed, or
 * because the working directory or the stdin file does not exist. A program that does not
 * exist is a {@linkcode NotFoundError}.
 */
export class SpawnError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "spawn" as const;

  /** Creates the error; `reason` completes the sentence "cannot start `program`: …". */
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

/** Thrown when the stdin source of a run fails. The run is then killed. `cause` is what the source threw. */
export class StdinError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "stdin" as const;

  /** Creates the error; `cause` is what the source threw. */
  constructor(program: string, cause: unknown) {
    super(
      `the stdin source of ${quoted(program)} failed, so the run was killed: ${
        messageOf(cause)
      }`,
      { program, cause },
    );
  }
}

/** Thrown when a one-shot stdin source was used before or is being read elsewhere. Nothing is started. */
export class StdinConsumedError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "stdin-consumed" as const;

  /** Creates the error for a run of `program` that was not started. */
  constructor(program: string, options: { cause?: unknown } = {}) {
    super(
      `cannot start ${
        quoted(program)
      }: its one-shot stdin source was used before, or is being read elsewhere; ` +
        "give each run its own source, or use a reusable one such as Stdin.fromBytes",
      { ...options, program },
    );
  }
}

/** Thrown by a write to a stdin that is closed: `finish` was called, or the process exited or closed it. */
export class StdinClosedError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "stdin-closed" as const;

  /** Creates the error for a write to the stdin of `program`. */
  constructor(program: string) {
    super(
      `cannot write to the stdin of ${quoted(program)}: it is closed; ` +
        "finish() was called, or the process exited or closed it",
      { program },
    );
  }
}

/** Thrown when a method would read stdout that another method took. stdout can be consumed once. */
export class OutputConsumedError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "output-consumed" as const;
  /** The method that took it, such as `"stdoutLines"`. */
  readonly takenBy: string;

  /** Creates the error for the method `refused`, called after the method `takenBy`. */
  constructor(
    program: string,
    stream: "stdout" | "stderr",
    refused: string,
    takenBy: string,
  ) {
    super(
      `${refused} cannot consume the ${stream} of ${
        quoted(program)
      }: it was taken by ${takenBy}, and can be consumed once; ` +
        "use one method to read it, or finish() to get only the outcome",
      { program },
    );
    this.takenBy = takenBy;
  }
}

/** Thrown when an abort signal cancels a run. `cause` is the reason of the signal. */
export class CancelledError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "cancelled" as const;

  /** Creates the error; `reason` is the `reason` of the abort signal, and `args` is for the command line in the message. */
  constructor(
    program: string,
    reason: unknown,
    args: readonly string[] = [],
  ) {
    super(`${quotedCommandLine(program, args)} was cancelled`, {
      program,
      cause: reason,
    });
  }
}

/** Thrown when an operation is not available on this host, with these permissions, or with this runner. */
export class UnsupportedError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "unsupported" as const;
  /** The operation that is not available. */
  readonly operation: string;

  /** Creates the error; `advice` says why, and what to use instead. */
  constructor(
    operation: string,
    advice: string,
    options: ProcessKitErrorOptions = {},
  ) {
    super(`${operation} is not supported: ${advice}`, options);
    this.operation = operation;
  }
}

/**
 * Thrown when output is larger than the `outputBuffer` of the command allows, or longer than
 * one string can be.
 */
export class OutputTooLargeError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "output-too-large" as const;

  /** Creates the error; `problem` completes the sentence "the output of `program` is too large: …". */
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

/** Options of the constructor of {@linkcode NotReadyError}. */
export interface NotReadyErrorOptions {
  /** The arguments of the process, for the command line in the message. */
  args?: readonly string[];
  /** The stderr of the process so far. The message contains up to the last 20 lines. */
  stderr?: string;
  /** The error of the last attempt, or of the process. It becomes the `cause` of the error. */
  cause?: unknown;
}

/**
 * Thrown when a probe such as `waitForLine` fails: its condition did not hold in time, or the
 * process exited before. A probe does not stop the process. A supervisor also reports a
 * failed health check by this error.
 */
export class NotReadyError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "not-ready" as const;

  /** Creates the error; `problem` completes the sentence "`command line` is not ready: …". */
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

/** Thrown when the parser that was passed to `parse` throws. `cause` is what it threw. */
export class ParseError extends ProcessKitError {
  /** Identifies this class in a `switch`. */
  override readonly kind = "parse" as const;
  // Read by an accessor: console.log prints the fields of an error, and this can be long.
  readonly #stdout: string;

  /** Creates the error for the stdout of `program`; `cause` is what the parser threw. */
  constructor(program: string, stdout: string, cause: unknown) {
    super(
      `cannot parse the output of ${quoted(program)}: ${messageOf(cause)}`,
      { program, cause },
    );
    this.#stdout = stdout;
  }

  /** The stdout that the parser received. */
  get stdout(): string {
    return this.#stdout;
  }
}

/**
 * Tests whether `error` says that the program does not exist.
 *
 * Returns `false` for any other error, including a missing working directory, a missing
 * cassette and a cassette miss.
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
