import { runtime } from "../runtime/detect.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { cgroupBase } from "./cgroup.ts";
import { mechanismWithoutCgroup } from "./containment.ts";
import { type ContainmentMechanism, REACH } from "./mechanism.ts";
import { watcherUnavailableReason } from "./watcher.ts";

/** How runs are contained on this host, with the current permissions. */
export interface HostContainment {
  /** The mechanism of a run by default. */
  readonly mechanism: ContainmentMechanism;
  /** Which processes `mechanism` reaches, in words. */
  readonly reach: string;
  /** The mechanism that `"auto"` selects: the default of a `ProcessGroup`. */
  readonly strongest: ContainmentMechanism;
  /** Which processes `strongest` reaches, in words. */
  readonly strongestReach: string;
  /** The mechanisms that are not available here, each with the reason. */
  readonly unavailable: readonly {
    readonly mechanism: ContainmentMechanism;
    readonly why: string;
  }[];
  /** Whether runs are killed if this program is killed. `killOnParentDeath` requires it. */
  readonly endsWithOwner: boolean;
  /** Why runs are not killed with this program; `null` if they are. */
  readonly whyNotWithOwner: string | null;
}

/**
 * Reports how runs are contained on this host, with the current permissions: which mechanism
 * is used, which processes it reaches, and why a stronger one is not available. Starts no
 * process and never prompts for a permission. To check for cgroups, it creates and removes an
 * empty one.
 *
 * @throws {UnsupportedError} outside Deno and Bun
 *
 * @example
 * ```ts
 * import { hostContainment } from "@processkit/processkit";
 *
 * const { mechanism, reach, unavailable } = hostContainment();
 * console.log(`${mechanism}: ${reach}`); // such as process-group: the child's process group; …
 * for (const { mechanism, why } of unavailable) {
 *   console.log(`no ${mechanism}: ${why}`); // such as no taskkill: it exists only on Windows
 * }
 * ```
 */
export function hostContainment(): HostContainment {
  const host = runtime();
  const base = cgroupBase(host.system);
  const fallback = mechanismWithoutCgroup(host);
  const strongest = "path" in base ? "cgroup" : fallback.mechanism;
  const unavailable: { mechanism: ContainmentMechanism; why: string }[] = [];
  if ("why" in base) unavailable.push({ mechanism: "cgroup", why: base.why });
  if (fallback.why !== null) {
    unavailable.push({ mechanism: "process-group", why: fallback.why });
  }
  if (host.system.kind !== "windows") {
    unavailable.push({
      mechanism: "taskkill",
      why: "it exists only on Windows",
    });
  }
  const whyNotWithOwner = watcherUnavailableReason(host);
  return {
    mechanism: fallback.mechanism,
    reach: reachOf(fallback.mechanism, host),
    strongest,
    strongestReach: reachOf(strongest, host),
    unavailable,
    endsWithOwner: whyNotWithOwner === null,
    whyNotWithOwner,
  };
}

function reachOf(mechanism: ContainmentMechanism, { system }: Runtime): string {
  const findsOnlyGroup = mechanism === "process-group" &&
    system.processStats() === null;
  return findsOnlyGroup
    ? "the child's process group; a process that left the group is not found, because /proc cannot be read"
    : REACH[mechanism];
}
