import type { CommandSpec } from "../command/spec.ts";
import { OutputTooLargeError, ParseError } from "../outcome/errors.ts";
import {
  finishedRunOf,
  type HandlerFailure,
  handlerFailuresOf,
  type ProcessResult,
  truncatedStreamsOf,
} from "../outcome/result.ts";
import { ExitError, HandlerError } from "../outcome/run_errors.ts";
import { isLimited } from "../output/buffer_limits.ts";

// The verbs that require something of a result, shared by runners and pipelines.

/** Requires success, and that no line handler threw. */
export function checkedOf(
  result: ProcessResult<string>,
): ProcessResult<string> {
  result.ensureSuccess();
  throwIfHandlerThrew(result);
  return result;
}

/** Requires success, that no line handler threw, and that no stdout was dropped. */
export function untruncatedOf(
  result: ProcessResult<string>,
  { outputBuffer, program }: CommandSpec,
): ProcessResult<string> {
  result.ensureSuccess();
  if (
    isLimited(outputBuffer) && truncatedStreamsOf(result).includes("stdout")
  ) {
    throw new OutputTooLargeError(
      program,
      "the command's outputBuffer dropped some of stdout; raise its limits, or use outputString, which returns what was kept",
    );
  }
  throwIfHandlerThrew(result);
  return result;
}

/**
 * Returns the exit code. Throws for a signal and a timeout, and if a line handler
 * threw.
 */
export function exitCodeOf(result: ProcessResult<string>): number {
  const code = codeOf(result);
  throwIfHandlerThrew(result);
  return code;
}

/**
 * Returns `true` for exit code 0 and `false` for 1. Throws for any other, and if a line
 * handler threw.
 */
export function probeAnswerOf(result: ProcessResult<string>): boolean {
  const code = codeOf(result);
  if (code > 1 || code < 0) throw new ExitError(finishedRunOf(result), code);
  throwIfHandlerThrew(result);
  return code === 0;
}

/**
 * Throws an error that a line handler threw: an assertion in a handler must not pass
 * unnoticed.
 *
 * @throws {HandlerError} for the first such error
 */
export function throwIfHandlerThrew(
  result: ProcessResult<string | Uint8Array>,
): void {
  throwFirst(handlerFailuresOf(result));
}

/**
 * Throws the first of these failures, if there is one.
 *
 * @throws {HandlerError} with the handler's error as its cause
 */
export function throwFirst(failures: readonly HandlerFailure[]): void {
  const [failure] = failures;
  if (failure !== undefined) throw new HandlerError(failure, failure.error);
}

/**
 * Passes stdout to `parser`, and returns what it returns.
 *
 * @throws {ParseError} if `parser` throws or rejects
 */
export async function parsedOf<T>(
  { program, stdout }: ProcessResult<string>,
  parser: (stdout: string) => T,
): Promise<T> {
  try {
    return await parser(stdout);
  } catch (error) {
    throw new ParseError(program, stdout, error);
  }
}

function codeOf(result: ProcessResult<string>): number {
  if (result.outcome.kind === "exited") return result.outcome.code;
  // An outcome without an exit code is never a success, so this throws.
  result.ensureSuccess();
  throw new Error(
    "unreachable: a run without an exit code counted as a success",
  );
}
