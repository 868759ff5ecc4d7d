import { ProcessKitError } from "./base_error.ts";
import type { CassetteError, CassetteMissError } from "./cassette_errors.ts";
import type {
  CancelledError,
  NotFoundError,
  NotReadyError,
  OutputConsumedError,
  OutputTooLargeError,
  ParseError,
  SpawnError,
  StdinClosedError,
  StdinConsumedError,
  StdinError,
  UnsupportedError,
} from "./errors.ts";
import type {
  ExitError,
  HandlerError,
  SignalledError,
  TimeoutError,
} from "./run_errors.ts";

/** The literals that `kind` can be: one for each error class of this library. */
export type ProcessKitErrorKind = AnyProcessKitError["kind"];

/** Any error of this library: a union that `kind` discriminates. */
export type AnyProcessKitError =
  | NotFoundError
  | SpawnError
  | StdinError
  | StdinConsumedError
  | StdinClosedError
  | OutputConsumedError
  | ExitError
  | SignalledError
  | TimeoutError
  | HandlerError
  | CancelledError
  | CassetteMissError
  | CassetteError
  | UnsupportedError
  | OutputTooLargeError
  | NotReadyError
  | ParseError;

/**
 * Tests whether `error` is an error of this library. TypeScript then narrows it by
 * `kind`, for example in a `switch`.
 *
 * @example
 * ```ts
 * import { Command, isProcessKitError } from "@processkit/processkit";
 *
 * try {
 *   await new Command("git", ["rev-parse", "--verify", "no-such-branch"]).run();
 * } catch (error) {
 *   if (!isProcessKitError(error)) throw error;
 *   switch (error.kind) {
 *     case "not-found":
 *       console.log("git is not installed");
 *       break;
 *     case "exit":
 *       console.log(error.code, error.stderr);
 *       break;
 *     default:
 *       console.log(error.message);
 *   }
 * }
 * ```
 */
export function isProcessKitError(error: unknown): error is AnyProcessKitError {
  return error instanceof ProcessKitError;
}
