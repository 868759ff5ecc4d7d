import type { CommandSpec } from "../command/spec.ts";
import { isSuccess, type Outcome } from "../outcome/outcome.ts";

/**
 * What the end of a stage means for its chain: nothing; that only its reader left;
 * or that it failed.
 */
export type StageFailure = "none" | "broken-pipe" | "failed";

const SIGPIPE = 13;
/** What a shell exits with when SIGPIPE has ended what it ran. */
const SIGPIPE_IN_SHELL = 128 + SIGPIPE;

/** What the end of a stage means for its chain. */
export function stageFailure(
  { okCodes, uncheckedInPipe }: CommandSpec,
  outcome: Outcome,
  isLast: boolean,
): StageFailure {
  if (outcome.kind === "timed-out") return "failed";
  if (uncheckedInPipe || isSuccess(outcome, okCodes)) return "none";
  // Nobody reads the last stage by a pipe between stages.
  return !isLast && isBrokenPipe(outcome) ? "broken-pipe" : "failed";
}

/** The stage that is to blame: the leftmost that failed, or else that lost its reader; `null` for none. */
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
