import {
  NotFoundError,
  SpawnError,
  UnsupportedError,
} from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import type { ProgramLookup } from "./program_lookup.ts";

/** The facts about a child that could not be started. */
export interface SpawnFailure {
  readonly program: string;
  readonly cwd: string | null;
  /** Whether the working directory exists and is a folder; `null` if that is not known. */
  readonly cwdIsFolder: boolean | null;
  /** The result of looking up the program; `null` if it could not be looked up. */
  readonly lookup: ProgramLookup | null;
  /** The runtime's own error; `null` if the runtime was not asked to start the child. */
  readonly cause: unknown;
  /** The code of that error, such as `"ENOENT"`. */
  readonly code: string | undefined;
}

/**
 * Makes the error that says why a child could not be started. The runtime's own error does
 * not say it: `ENOENT` stands for a missing program, working directory or interpreter alike.
 */
export function explainSpawnFailure(
  failure: SpawnFailure,
): NotFoundError | SpawnError {
  const { program, cwd, lookup } = failure;
  const cause = failure.cause ?? undefined;
  if (cwd !== null && failure.cwdIsFolder === false) {
    return new SpawnError(
      program,
      `the working directory ${
        JSON.stringify(cwd)
      } does not exist or is not a folder`,
      { cause },
    );
  }
  if (lookup?.kind === "missing") {
    return new NotFoundError(program, lookup.searched, { cause });
  }
  if (lookup?.kind === "not-executable") {
    return new SpawnError(
      program,
      `${JSON.stringify(lookup.path)} may not be executed`,
      { cause },
    );
  }
  switch (failure.code) {
    case "ENOENT":
      if (lookup === null) return new NotFoundError(program, [], { cause });
      return new SpawnError(
        program,
        `${
          JSON.stringify(lookup.path)
        } exists, but the interpreter or loader that it needs does not`,
        { cause },
      );
    case "ENOEXEC":
      return new SpawnError(
        program,
        "it has no format that the system can execute, and no `#!` line",
        { cause },
      );
    case "EACCES":
      return new SpawnError(program, "permission denied", { cause });
    case "E2BIG":
      return new SpawnError(
        program,
        "its arguments and environment are longer than the system allows",
        { cause },
      );
    default:
      return new SpawnError(program, messageOf(cause), { cause });
  }
}

/**
 * Returns the path of a program that was looked up.
 *
 * @throws {NotFoundError | SpawnError} the error of a run, if the program was not found or
 *   may not be executed, or the working directory is missing
 * @throws {UnsupportedError} with this advice, if the program could not be looked up
 */
export function requirePath(
  failure: Omit<SpawnFailure, "cause" | "code">,
  advice: string,
): string {
  const { program, lookup, cwdIsFolder } = failure;
  if (lookup === null) {
    throw new UnsupportedError("looking up a program", advice, { program });
  }
  if (lookup.kind === "found" && cwdIsFolder !== false) return lookup.path;
  throw explainSpawnFailure({ ...failure, cause: null, code: undefined });
}

/** The advice for looking up a program on Windows. */
export const NO_LOOKUP_ON_WINDOWS =
  "Windows has its own rules for finding a program; run the program instead";

/** Returns the code of a system error, such as `"ENOENT"`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) {
    return undefined;
  }
  return typeof error.code === "string" ? error.code : undefined;
}
