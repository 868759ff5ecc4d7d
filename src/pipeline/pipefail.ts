import type { CommandSpec } from "../command/spec.ts";
import { isSuccess, type Outcome } from "../outcome/outcome.ts";

/**
 * How the end of a stage counts: as no failure, as a broken pipe (the next stage closed
 * its input), or as a failure.
 */
export type StageFailure = "none" | "broken-pipe" | "failed";

const SIGPIPE = 13;
/** The exit code of a shell whose command was killed by SIGPIPE. */
const SIGPIPE_IN_SHELL = 128 + SIGPIPE;

/** Classifies the end of a stage. */
export function stageFailure(
  { okCodes, uncheckedInPipe }: CommandSpec,
  outcome: Outcome,
  isLast: boolean,
): StageFailure {
  if (outcome.kind === "timed-out") return "failed";
  if (uncheckedInPipe || isSuccess(outcome, okCodes)) return "none";
  // No stage reads from the last one, so its SIGPIPE is a failure.
  return !isLast && isBrokenPipe(outcome) ? "broken-pipe" : "failed";
}

/**
 * Returns the index of the stage to report: the leftmost that failed, otherwise the
 * leftmost with a broken pipe, otherwise `null`.
 */
export function reportedStage(
  failures: readonly StageFailure[],
): number | null {
  const failed = failures.indexOf("failed");
  const stage = failed >= 0 ? failed : failures.indexOf("broken-pipe");
  return stage >= 0 ? stage : null;
}

function isBrokenPipe(outcome: Outcome): boolean {
  return outcome.kind === "signalled"
    ? outcome.signal === SIGPIPE
    : outcome.kind === "exited" && outcome.code === SIGPIPE_IN_SHELL;
}
