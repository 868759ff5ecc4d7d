import { SpawnError, UnsupportedError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import type { Child, Runtime, SpawnSpec } from "../runtime/runtime.ts";
import { Cgroup, cgroupBase, CgroupTree } from "./cgroup.ts";
import { ChildTree } from "./child_tree.ts";
import { GroupTree } from "./group_tree.ts";
import type { ContainmentMechanism } from "./mechanism.ts";
import { ProcessForest } from "./process_forest.ts";
import { TaskkillTree } from "./taskkill.ts";
import type { RunTree } from "./tree.ts";
import { WatcherRef } from "./watcher.ts";

/**
 * The containment to use for runs. `"auto"` selects the strongest mechanism that is available.
 * `"none"` contains nothing: only the child itself is signalled and killed.
 */
export type ContainmentChoice = "auto" | "cgroup" | "process-group" | "none";

const CHOICES: readonly unknown[] = ["auto", "cgroup", "process-group", "none"];

/**
 * Returns `choice`.
 *
 * @throws {TypeError} if it is not one of `choices`
 */
export function checkedContainment<T extends ContainmentChoice>(
  choice: T | undefined,
  choices = CHOICES,
): T | undefined {
  if (choice === undefined || choices.includes(choice)) return choice;
  throw new TypeError(
    `containment: expected one of ${choices.join(", ")}, got ${
      JSON.stringify(choice)
    }`,
  );
}

/** The settings of a command that concern containment. */
export interface ContainmentRequest {
  /** Whether the child stays in the caller's own session and process group. */
  readonly foreground: boolean;
  /** Whether to refuse a run that could outlive this program. */
  readonly killOnParentDeath: boolean;
}

/** A child and its tree. */
export interface ContainedChild {
  readonly child: Child;
  readonly tree: RunTree;
}

/** How long to wait until killed processes have exited, in milliseconds. */
const MAX_EXIT_WAIT_MS = 2000;
const POLL_INTERVAL_MS = 5;
/**
 * How long after the end of a run its leftovers are looked for, in milliseconds. One
 * search serves all runs that end meanwhile.
 */
const PRUNE_DELAY_MS = 20;

/** Starts children in such a way that they can be killed together with their descendants. */
export class Containment {
  readonly mechanism: ContainmentMechanism | "none";
  /** The trees of the current runs, and of finished runs whose leftovers are kept. */
  readonly forest: ProcessForest;
  readonly #host: Runtime;
  readonly #keepsLeftovers: boolean;
  readonly #cgroupBase: string | null;
  #watcher: WatcherRef | null = null;
  #pruneTimer: ReturnType<typeof setTimeout> | undefined;
  #cgroup: Cgroup | null = null;
  /** Whether the watcher kills the processes of the cgroup if this program ends first. */
  #isCgroupWatched = false;

  /**
   * Chooses the mechanism and starts nothing. Without a choice it is the process group, or
   * what the permissions allow instead.
   *
   * `keepsLeftovers` lets the processes that a run leaves behind stay until
   * {@linkcode Containment.close}.
   *
   * @throws {UnsupportedError} if the chosen mechanism is not available
   */
  constructor(
    host: Runtime,
    choice: ContainmentChoice | undefined,
    { keepsLeftovers }: { keepsLeftovers: boolean },
  ) {
    this.#host = host;
    const { mechanism, base } = chooseMechanism(host, choice);
    this.mechanism = mechanism;
    this.#cgroupBase = base;
    this.#keepsLeftovers = keepsLeftovers;
    this.forest = new ProcessForest(host.system);
  }

  /** The cgroup in which all runs are started; `null` before the first one. */
  get cgroup(): Cgroup | null {
    return this.#cgroup;
  }

  /**
   * Starts a child.
   *
   * @throws the errors of {@linkcode Runtime.spawn}
   * @throws {UnsupportedError} if `killOnParentDeath` is set and there can be no watcher
   */
  start(spec: SpawnSpec, request: ContainmentRequest): ContainedChild {
    const contained = this.#usesGroupTree(request)
      ? this.#startInGroup(spec, request)
      : this.#startWithoutGroup(spec, request);
    this.forest.add(contained.tree);
    return contained;
  }

  /** Releases the tree of a run that is over. */
  finish(tree: RunTree): void | Promise<void> {
    if (this.#keepsLeftovers && this.forest.retire(tree)) {
      this.#pruneTimer ??= setTimeout(() => {
        this.#pruneTimer = undefined;
        this.forest.prune();
      }, PRUNE_DELAY_MS);
      return;
    }
    this.forest.remove(tree);
    return tree.close();
  }

  /**
   * Tests whether a child gets a {@linkcode GroupTree}. A foreground child does not lead a
   * group, but its descendants are found in the same way.
   */
  #usesGroupTree({ foreground }: ContainmentRequest): boolean {
    if (!foreground) return this.mechanism === "process-group";
    // Without the permission to signal groups, only the child can be signalled.
    return mechanismWithoutCgroup(this.#host).mechanism === "process-group";
  }

  #startWithoutGroup(
    spec: SpawnSpec,
    request: ContainmentRequest,
  ): ContainedChild {
    if (request.killOnParentDeath) {
      const watcher = this.mechanism === "none" ? null : this.#sharedWatcher;
      this.#startWatcher(watcher, spec.program);
    }
    return this.mechanism === "cgroup" && !request.foreground
      ? this.#startInCgroup(spec)
      : this.#startChild(spec);
  }

  /**
   * Starts the watcher if it is not running.
   *
   * @throws {UnsupportedError} if there can be no watcher
   */
  requireWatcher(): void {
    this.#startWatcher(this.#sharedWatcher, undefined);
  }

  /**
   * Kills all processes, waits up to 2 seconds until they have exited, and releases the
   * watcher.
   */
  async close(): Promise<void> {
    this.forest.kill();
    await this.waitUntilEmpty();
    await this.forest.close();
    // A run may have ended since, and have set the timer.
    clearTimeout(this.#pruneTimer);
    this.#pruneTimer = undefined;
    const cgroup = this.#cgroup;
    this.#cgroup = null;
    if (cgroup !== null) {
      await cgroup.remove();
      this.#sharedWatcher.unwatch(`c ${cgroup.path}`);
    }
    const watcher = this.#watcher;
    this.#watcher = null;
    await watcher?.release();
  }

  /**
   * Waits until all trees are empty, for up to 2 seconds: this program may not be
   * permitted to kill some processes.
   */
  async waitUntilEmpty(): Promise<void> {
    const end = performance.now() + MAX_EXIT_WAIT_MS;
    while (!this.forest.isEmpty() && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
    }
  }

  get #sharedWatcher(): WatcherRef {
    return this.#watcher ??= new WatcherRef(this.#host);
  }

  #startWatcher(watcher: WatcherRef | null, program: string | undefined): void {
    const why = watcher === null
      ? "nothing is contained here; leave containment at its default"
      : watcher.start();
    if (why !== null) {
      throw new UnsupportedError("killOnParentDeath", why, { program });
    }
  }

  #startChild(spec: SpawnSpec): ContainedChild {
    const child = this.#host.spawn({ ...spec, ownGroup: false });
    const tree = this.mechanism === "taskkill"
      ? new TaskkillTree(this.#host, child)
      : new ChildTree(child);
    return { child, tree };
  }

  /**
   * Starts a child with a group tree. Its process id is not known before, so the watcher
   * is told right afterwards.
   */
  #startInGroup(
    spec: SpawnSpec,
    { foreground, killOnParentDeath }: ContainmentRequest,
  ): ContainedChild {
    const watcher = this.#watcherForRun();
    const ownsWatcher = watcher !== this.#watcher;
    try {
      if (killOnParentDeath) this.#startWatcher(watcher, spec.program);
      const child = this.#host.spawn({ ...spec, ownGroup: !foreground });
      const tree = new GroupTree(this.#host.system, child, {
        watcher,
        watchTarget: `${foreground ? "p" : "g"} ${child.pid}`,
        ownsWatcher,
        keepsLeftovers: this.#keepsLeftovers,
      });
      return { child, tree };
    } catch (error) {
      if (ownsWatcher) watcher?.release();
      throw error;
    }
  }

  /**
   * Returns the watcher reference for a run. Where a test runner reports a running watcher as
   * a leak, each run has a reference of its own and releases it.
   */
  #watcherForRun(): WatcherRef | null {
    if (this.mechanism === "none") return null;
    return !this.#keepsLeftovers && this.#host.system.reportsLeakedChildren
      ? new WatcherRef(this.#host)
      : this.#sharedWatcher;
  }

  /**
   * Starts a child in a cgroup of its own. The watcher is told of the cgroup before a
   * process is in it.
   */
  #startInCgroup(spec: SpawnSpec): ContainedChild {
    const { system } = this.#host;
    const folder = this.#createRunCgroup(spec.program);
    try {
      const child = this.#host.spawn({
        ...spec,
        ownGroup: true,
        cgroup: folder,
      });
      if (!child.entersCgroup) {
        system.writeText(`${folder}/cgroup.procs`, String(child.pid));
      }
      if (this.#isCgroupWatched) child.entrustToWatcher();
      const tree = new CgroupTree(system, child, folder, this.#keepsLeftovers);
      return { child, tree };
    } catch (error) {
      system.removeFolder(folder);
      throw error;
    }
  }

  #createRunCgroup(program: string): string {
    try {
      if (this.#cgroup === null) {
        const cgroup = new Cgroup(this.#host.system, this.#cgroupBase!);
        this.#cgroup = cgroup;
        this.#isCgroupWatched = this.#sharedWatcher.watch(`c ${cgroup.path}`);
      }
      return this.#cgroup.createForRun();
    } catch (cause) {
      throw new SpawnError(
        program,
        `no cgroup can be created for it: ${messageOf(cause)}`,
        { cause },
      );
    }
  }
}

/**
 * Returns the mechanism for a choice on this host, and the folder for cgroups if that is
 * the mechanism.
 */
function chooseMechanism(
  host: Runtime,
  choice: ContainmentChoice | undefined,
): { mechanism: ContainmentMechanism | "none"; base: string | null } {
  const fallback = mechanismWithoutCgroup(host);
  switch (choice) {
    case "none":
      return { mechanism: "none", base: null };
    case undefined:
      return { mechanism: fallback.mechanism, base: null };
    case "process-group":
      if (fallback.mechanism === "process-group") {
        return { mechanism: "process-group", base: null };
      }
      throw new UnsupportedError('containment "process-group"', fallback.why!);
    case "auto":
    case "cgroup": {
      const base = cgroupBase(host.system);
      if ("path" in base) return { mechanism: "cgroup", base: base.path };
      if (choice === "auto") {
        return { mechanism: fallback.mechanism, base: null };
      }
      throw new UnsupportedError('containment "cgroup"', base.why);
    }
  }
}

/**
 * Returns the strongest mechanism other than a cgroup. `why` says why it is not the
 * process group; `null` if it is.
 */
export function mechanismWithoutCgroup(
  { system }: Runtime,
): { mechanism: ContainmentMechanism; why: string | null } {
  const why = system.groupsUnavailableReason();
  if (why !== null) return { mechanism: "child", why };
  return system.kind === "windows"
    ? { mechanism: "taskkill", why: "Windows has no process groups" }
    : { mechanism: "process-group", why: null };
}
