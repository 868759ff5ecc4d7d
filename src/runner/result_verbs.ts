import type { CommandSpec } from "../command/spec.ts";
import {
  ExitError,
  OutputTooLargeError,
  ParseError,
} from "../outcome/errors.ts";
import { type ProcessResult, truncatedStreamsOf } from "../outcome/result.ts";
import { isLimited } from "../output/keep_limits.ts";

// What the verbs that demand something make of a result, of whatever made it.

/** A result that is a success, and from whose stdout nothing was dropped. */
export function wholeOf(
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
  return result;
}

/** The exit code; throws for a signal and a deadline. */
export function exitCodeOf(result: ProcessResult<string>): number {
  return result.outcome.kind === "exited"
    ? result.outcome.code
    : failureOf(result);
}

/** Whether the exit code is 0 rather than 1; throws for anything else. */
export function answerOf(result: ProcessResult<string>): boolean {
  const code = exitCodeOf(result);
  if (code > 1 || code < 0) throw new ExitError(result, code);
  return code === 0;
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

/** A result without an exit code is no success: this throws what it is. */
function failureOf(result: ProcessResult<string>): never {
  result.ensureSuccess();
  throw new Error(
    "unreachable: a run without an exit code counted as a success",
  );
}
