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

// What the verbs that demand something make of a result, of whatever made it.

/** A result that is a success, and none of whose line handlers threw. */
export function checkedOf(
  result: ProcessResult<string>,
): ProcessResult<string> {
  result.ensureSuccess();
  throwIfHandlerThrew(result);
  return result;
}

/** Like {@linkcode checkedOf}, of a result from whose stdout nothing was dropped. */
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
      "its outputBuffer dropped some of stdout; allow for more, or take what there is with outputString",
    );
  }
  throwIfHandlerThrew(result);
  return result;
}

/** The exit code; throws for a signal and a deadline, and if a line handler threw. */
export function exitCodeOf(result: ProcessResult<string>): number {
  const code = codeOf(result);
  throwIfHandlerThrew(result);
  return code;
}

/** Whether the exit code is 0 rather than 1; throws for any other, and if a line handler threw. */
export function probeAnswerOf(result: ProcessResult<string>): boolean {
  const code = codeOf(result);
  if (code > 1 || code < 0) throw new ExitError(finishedRunOf(result), code);
  throwIfHandlerThrew(result);
  return code === 0;
}

/**
 * Makes an error that was thrown in a line handler the error of the verb: an assertion
 * in a handler must not pass unnoticed.
 *
 * @throws {HandlerError} about the first such error
 */
export function throwIfHandlerThrew(
  result: ProcessResult<string | Uint8Array>,
): void {
  throwFirst(handlerFailuresOf(result));
}

/** @throws {HandlerError} about the first of these failures, if there is one */
export function throwFirst(failures: readonly HandlerFailure[]): void {
  const [failure] = failures;
  if (failure !== undefined) throw new HandlerError(failure, failure.error);
}

/** What the parser makes of stdout. */
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
  // Without an exit code it is no success: this throws.
  result.ensureSuccess();
  throw new Error(
    "unreachable: a run without an exit code counted as a success",
  );
}
