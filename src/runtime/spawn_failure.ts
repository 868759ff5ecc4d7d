import {
  NotFoundError,
  SpawnError,
  UnsupportedError,
} from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import type { ProgramLookup } from "./program_lookup.ts";

/** What is known of a child that a runtime could not start. */
export interface SpawnFailure {
  readonly program: string;
  readonly cwd: string | null;
  /** Whether the working directory is there and is one; `null` if that cannot be told. */
  readonly cwdIsFolder: boolean | null;
  /** Where the program was found; `null` if that cannot be told. */
  readonly lookup: ProgramLookup | null;
  /** The runtime's own error, `null` if it was not asked, and its code, such as `"ENOENT"`. */
  readonly cause: unknown;
  readonly code: string | undefined;
}

/**
 * Says why a child could not be started. A runtime's own error does not: one
 * code stands for a missing program, working directory or interpreter alike.
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
      {
        cause,
      },
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
        } is there, and what it takes to execute it is not: an interpreter or a loader`,
        {
          cause,
        },
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
 * The path that a program was found at; throws what a run of it would.
 *
 * @throws {UnsupportedError} with this advice if it could not be looked for
 */
export function foundPath(
  failure: Omit<SpawnFailure, "cause" | "code">,
  advice: string,
): string {
  const { program, lookup, cwdIsFolder } = failure;
  if (lookup === null) {
    throw new UnsupportedError("looking a program up", advice, { program });
  }
  if (lookup.kind === "found" && cwdIsFolder !== false) return lookup.path;
  throw explainSpawnFailure({ ...failure, cause: null, code: undefined });
}

/** What is said where a system has rules of its own for looking a program up. */
export const NO_LOOKUP_ON_WINDOWS =
  "Windows has rules of its own for that; run it instead";

/** A system error's code, such as `"ENOENT"`. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) {
    return undefined;
  }
  return typeof error.code === "string" ? error.code : undefined;
}
