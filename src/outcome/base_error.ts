import { INSPECT, type Inspect } from "./inspect.ts";

/** What every {@linkcode ProcessKitError} may carry beside its message. */
export interface ProcessKitErrorOptions {
  /** The program that was to run, where there is one. */
  program?: string;
  /** The error or reason underneath, where there is one. */
  cause?: unknown;
}

/**
 * The base of every error this library throws about a run or a cassette.
 *
 * Mistakes in calling it (a NUL in an argument, a negative timeout) are plain
 * `TypeError`s and `RangeError`s instead, thrown where the mistake is made.
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
  /** The literal that tells this error's class in a `switch`. */
  abstract readonly kind: string;
  /** The program that was to run, or `undefined` where there is none. */
  readonly program: string | undefined;

  /** Makes the error; `options.cause` becomes `cause` when it is given. */
  constructor(message: string, options: ProcessKitErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.program = options.program;
    this.name = new.target.name;
  }

  /** What `console.log` prints: the message, the stack and the cause, without the output of the run. */
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
