import type { CommandSpec } from "../command/spec.ts";
import { isSuccess, type Outcome } from "../outcome/outcome.ts";

/**
 * What the end of a stage means for its chain: nothing; that only its reader left;
 * or that it failed.
 */
export type StageFailure = "none" | "reader-left" | "real";

const SIGPIPE = 13;
/** What a shell exits with when SIGPIPE has ended what it ran. */
const SIGPIPE_OF_SHELL = 128 + SIGPIPE;

/** What the end of a stage means for its chain. */
export function stageFailure(
  { okCodes, uncheckedInPipe }: CommandSpec,
  outcome: Outcome,
  isLast: boolean,
): StageFailure {
  if (outcome.kind === "timed-out") return "real";
  if (uncheckedInPipe || isSuccess(outcome, okCodes)) return "none";
  // Nobody reads the last stage by a pipe between stages.
  return !isLast && wasBySigpipe(outcome) ? "reader-left" : "real";
}

/** The stage that is to blame: the leftmost that failed, or else that lost its reader; `null` for none. */
export function reportedStage(
  failures: readonly StageFailure[],
): number | null {
  const real = failures.indexOf("real");
  const stage = real >= 0 ? real : failures.indexOf("reader-left");
  return stage >= 0 ? stage : null;
}

function wasBySigpipe(outcome: Outcome): boolean {
  return outcome.kind === "signalled"
    ? outcome.signal === SIGPIPE
    : outcome.kind === "exited" && outcome.code === SIGPIPE_OF_SHELL;
}
