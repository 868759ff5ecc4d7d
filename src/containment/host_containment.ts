import { runtime } from "../runtime/detect.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { cgroupBase } from "./cgroup.ts";
import { withoutCgroup } from "./containment.ts";
import { type ContainmentMechanism, REACH } from "./mechanism.ts";
import { noWatcherReason } from "./watcher.ts";

/** What keeps runs together on this host, with these permissions. */
export interface HostContainment {
  /** What a run gets by default. */
  readonly mechanism: ContainmentMechanism;
  /** How far that reaches, in words. */
  readonly reach: string;
  /** What `"auto"` comes to, which is what a `ProcessGroup` gets by default. */
  readonly strongest: ContainmentMechanism;
  /** How far the strongest reaches, in words. */
  readonly strongestReach: string;
  /** Every mechanism that is not available here, and why. */
  readonly unavailable: readonly {
    readonly mechanism: ContainmentMechanism;
    readonly why: string;
  }[];
  /** Whether runs are ended when this program is killed; what `killOnParentDeath` insists on. */
  readonly endsWithOwner: boolean;
  /** Why runs are not ended then, or `null` if they are. */
  readonly whyNotWithOwner: string | null;
}

/**
 * Tells what a run would get on this host, with these permissions: how far it
 * reaches, and why no further. Starts nothing and asks for no permission.
 *
 * @throws {UnsupportedError} on anything but Deno and Bun
 *
 * @example
 * ```ts
 * import { hostContainment } from "@processkit/processkit";
 *
 * const { mechanism, reach, unavailable } = hostContainment();
 * console.log(`${mechanism}: ${reach}`);
 * for (const { mechanism, why } of unavailable) console.log(`no ${mechanism}: ${why}`);
 * ```
 */
export function hostContainment(): HostContainment {
  const host = runtime();
  const base = cgroupBase(host.system);
  const plain = withoutCgroup(host);
  const strongest = "path" in base ? "cgroup" : plain.mechanism;
  const unavailable: { mechanism: ContainmentMechanism; why: string }[] = [];
  if ("why" in base) unavailable.push({ mechanism: "cgroup", why: base.why });
  if (plain.why !== null) {
    unavailable.push({ mechanism: "process-group", why: plain.why });
  }
  if (host.system.kind !== "windows") {
    unavailable.push({ mechanism: "taskkill", why: "it is Windows' own" });
  }
  const whyNotWithOwner = noWatcherReason(host);
  return {
    mechanism: plain.mechanism,
    reach: reachOf(plain.mechanism, host),
    strongest,
    strongestReach: reachOf(strongest, host),
    unavailable,
    endsWithOwner: whyNotWithOwner === null,
    whyNotWithOwner,
  };
}

function reachOf(mechanism: ContainmentMechanism, { system }: Runtime): string {
  const findsNobody = mechanism === "process-group" &&
    system.processLines() === null;
  return findsNobody
    ? "the child's process group; who left it is not found, since /proc cannot be read"
    : REACH[mechanism];
}
