/**
 * How a tree of processes is kept together, from the one that reaches furthest:
 *
 * - `"cgroup"`: a cgroup (version 2) that the child enters before it executes;
 *   nothing that it starts can leave
 * - `"process-group"`: a session and a process group; what a child moves elsewhere
 *   is still found by its parent, or its session, for as long as they are there
 * - `"child"`: the direct child alone
 * - `"taskkill"`: what `taskkill /T` finds, on Windows
 */
export type ContainmentMechanism =
  | "cgroup"
  | "process-group"
  | "child"
  | "taskkill";

/** How far each mechanism reaches. */
export const REACH: Readonly<Record<ContainmentMechanism, string>> = {
  cgroup:
    "everything that the child starts, whatever it does to get away; nothing of it can leave the cgroup",
  "process-group":
    "the child's process group; and when it is ended, not when it ends by itself, also whoever is found by parent or by session",
  child: "the direct child alone",
  taskkill: "what taskkill /T finds of the tree; unproven",
};
