import { INSPECT, type Inspect } from "./inspect.ts";

/** Options of the constructor of {@linkcode ProcessKitError}. */
export interface ProcessKitErrorOptions {
  /** The program that the error is about. Omit it for an error that is not about a program. */
  program?: string;
  /** The original error or reason. It becomes the `cause` of the error. */
  cause?: unknown;
}

/**
 * The base class of every error that this library throws about a run or a cassette.
 *
 * A wrong argument, such as a NUL character in an argument or a negative timeout, is a
 * `TypeError` or a `RangeError` instead. The call that receives the argument throws it.
 *
 * @example
 * ```ts
 * import { Command, ProcessKitError } from "@processkit/processkit";
 *
 * try {
 *   await new Command("git", ["no-such-verb"]).run();
 * } catch (error) {
 *   if (error instanceof ProcessKitError) console.log(error.kind, error.program);
 * }
 * ```
 */
export abstract class ProcessKitError extends Error {
  /** Identifies the class of the error in a `switch`. */
  abstract readonly kind: string;
  /** The program that the error is about, or `undefined` if it is not about a program. */
  readonly program: string | undefined;

  /** Creates an error with a message, a program and a cause. */
  constructor(message: string, options: ProcessKitErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.program = options.program;
    this.name = new.target.name;
  }

  /** Returns what `console.log` prints: the message, the stack and the cause, but not the output of the run. */
  [INSPECT](_depth: number, options: object, inspect?: Inspect): string {
    const text = this.stack?.includes(this.message)
      ? this.stack
      : `${this.name}: ${this.message}`;
    if (this.cause === undefined) return text;
    const cause = inspect === undefined
      ? String(this.cause)
      : inspect(this.cause, options);
    return `${text}\nCaused by: ${cause}`;
  }
}
