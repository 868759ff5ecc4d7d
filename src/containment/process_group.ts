import type { Child } from "../runtime/runtime.ts";

/**
 * Signals a child and everything that is still in the group it leads. Without a
 * group, that is the child alone.
 */
export function signalTree(child: Child, signal: string): void {
  if (!child.leadsGroup) return child.signal(signal);
  if (child.signalGroup(signal)) return;
  // Nobody there: the child has ended, or it has only just started and does not
  // lead the group yet. Then it has no children either; but by now it may.
  child.signal(signal);
  child.signalGroup(signal);
}

/** Ends what a child that has itself ended left behind in its group. */
export function endLeftovers(child: Child): void {
  if (child.leadsGroup) child.signalGroup("SIGKILL");
}
