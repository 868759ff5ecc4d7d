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

/** The `kind` of every error of this library: one literal for each class. */
export type ProcessKitErrorKind = AnyProcessKitError["kind"];

/** Every error of this library, told apart by its `kind`. */
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
 * Whether `error` is one of this library's, so that a `switch` over its `kind`
 * knows what each of them carries.
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
