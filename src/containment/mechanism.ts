/**
 * How the processes of a run are kept together, strongest first:
 *
 * - `"cgroup"`: a cgroup (version 2) that the child enters before it executes the program.
 *   No process that the child starts can leave it.
 * - `"process-group"`: a session and a process group that the child leads. A descendant
 *   that left them is still found while its parent, or the leader of its session, is running.
 * - `"child"`: the child alone.
 * - `"taskkill"`: the processes that `taskkill /T` finds, on Windows.
 */
export type ContainmentMechanism =
  | "cgroup"
  | "process-group"
  | "child"
  | "taskkill";

/** The reach of each mechanism, in words. */
export const REACH: Readonly<Record<ContainmentMechanism, string>> = {
  cgroup:
    "every process that the child starts; no process can leave the cgroup",
  "process-group":
    "the child's process group; if the run is killed, also descendants outside the group that are found by parent or session",
  child: "the child alone",
  taskkill: "the processes that taskkill /T finds; not tested on Windows",
};
