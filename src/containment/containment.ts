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

/** A mechanism asked for by name; `"auto"` is the strongest there is. */
export type ContainmentChoice = "auto" | "cgroup" | "process-group" | "none";

const CHOICES: readonly unknown[] = ["auto", "cgroup", "process-group", "none"];

/** Refuses a choice that is none. */
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

/** What one run asks of its containment. */
export interface ContainedStart {
  /** Whether the child stays in the caller's own session and group. */
  readonly foreground: boolean;
  /** Whether the run is refused where it could outlive this program. */
  readonly killOnParentDeath: boolean;
}

/** A child, and the tree that it is the first of. */
export interface Contained {
  readonly child: Child;
  readonly tree: RunTree;
}

/** How long those who were killed may take to be gone, in milliseconds. */
const PATIENCE_AFTER_KILL_MS = 2000;
const LOOK_EVERY_MS = 5;
/** How long after a run's end what it left behind is looked for, where that may stay: once for all that end meanwhile. */
const LOOK_AFTER_MS = 20;

/** Starts children in such a way that they can be ended together with what they start. */
export class Containment {
  readonly mechanism: ContainmentMechanism | "none";
  /** The trees of the runs that are under way, and of those whose leftovers are kept. */
  readonly forest: ProcessForest;
  readonly #host: Runtime;
  readonly #keepsLeftovers: boolean;
  readonly #base: string | null;
  #share: WatcherRef | null = null;
  #look: ReturnType<typeof setTimeout> | undefined;
  #cgroup: Cgroup | null = null;
  /** Whether the watcher ends the cgroup, should the program go first. */
  #isWatched = false;

  /**
   * Decides on the mechanism; nothing is started. Without a choice it is the
   * process group, or what permissions allow of it.
   *
   * `keepsLeftovers` lets those whom a run leaves behind stay until the containment
   * itself is closed.
   *
   * @throws {UnsupportedError} if what is asked for by name is not available
   */
  constructor(
    host: Runtime,
    choice: ContainmentChoice | undefined,
    { keepsLeftovers }: { keepsLeftovers: boolean },
  ) {
    this.#host = host;
    const { mechanism, base } = decide(host, choice);
    this.mechanism = mechanism;
    this.#base = base;
    this.#keepsLeftovers = keepsLeftovers;
    this.forest = new ProcessForest(host.system);
  }

  /** The cgroup that everything is started in, once anything was. */
  get cgroup(): Cgroup | null {
    return this.#cgroup;
  }

  /**
   * Starts a child.
   *
   * @throws what {@linkcode Runtime.spawn} throws
   * @throws {UnsupportedError} if nothing could end the child should this program be killed, and that is insisted on
   */
  start(spec: SpawnSpec, options: ContainedStart): Contained {
    const contained = this.#isGroup(options)
      ? this.#startInGroup(spec, options)
      : this.#startOtherwise(spec, options);
    this.forest.add(contained.tree);
    return contained;
  }

  /** To be called when a run is over. */
  finish(tree: RunTree): void | Promise<void> {
    if (this.#keepsLeftovers && this.forest.retire(tree)) {
      this.#look ??= setTimeout(() => {
        this.#look = undefined;
        this.forest.prune();
      }, LOOK_AFTER_MS);
      return;
    }
    this.forest.remove(tree);
    return tree.close();
  }

  /** Whether a child is to be in a group of its own, or to be ended in the same way where it is. */
  #isGroup({ foreground }: ContainedStart): boolean {
    if (!foreground) return this.mechanism === "process-group";
    // Who may not signal groups may not signal anybody but a child.
    return withoutCgroup(this.#host).mechanism === "process-group";
  }

  #startOtherwise(spec: SpawnSpec, options: ContainedStart): Contained {
    if (options.killOnParentDeath) {
      const share = this.mechanism === "none" ? null : this.#sharedWatcher;
      this.#insist(share, spec.program);
    }
    return this.mechanism === "cgroup" && !options.foreground
      ? this.#startInCgroup(spec)
      : this.#startChild(spec);
  }

  /** Has the watcher be there, or throws. */
  insistOnWatcher(): void {
    this.#insist(this.#sharedWatcher, undefined);
  }

  /** Ends everyone, waits until they are gone, and releases the watcher. */
  async close(): Promise<void> {
    this.forest.kill();
    await this.untilEmpty();
    await this.forest.close();
    // Runs that ended meanwhile were still to be looked after.
    clearTimeout(this.#look);
    this.#look = undefined;
    const cgroup = this.#cgroup;
    this.#cgroup = null;
    if (cgroup !== null) {
      await cgroup.remove();
      this.#sharedWatcher.forget(`c ${cgroup.path}`);
    }
    const share = this.#share;
    this.#share = null;
    await share?.release();
  }

  /** Waits until nobody is left; not for ever, since there are those who may not be killed. */
  async untilEmpty(): Promise<void> {
    const end = performance.now() + PATIENCE_AFTER_KILL_MS;
    while (!this.forest.isEmpty() && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  get #sharedWatcher(): WatcherRef {
    return this.#share ??= new WatcherRef(this.#host);
  }

  #insist(share: WatcherRef | null, program: string | undefined): void {
    const why = share === null
      ? "nothing is contained here; leave containment at its default"
      : share.start();
    if (why !== null) {
      throw new UnsupportedError("killOnParentDeath", why, { program });
    }
  }

  #startChild(spec: SpawnSpec): Contained {
    const child = this.#host.spawn({ ...spec, ownGroup: false });
    const tree = this.mechanism === "taskkill"
      ? new TaskkillTree(this.#host, child)
      : new ChildTree(child);
    return { child, tree };
  }

  /** A group's number is known only when it is there: the watcher hears of it right after. */
  #startInGroup(
    spec: SpawnSpec,
    { foreground, killOnParentDeath }: ContainedStart,
  ): Contained {
    const share = this.#shareForRun();
    try {
      if (killOnParentDeath) this.#insist(share, spec.program);
      const child = this.#host.spawn({ ...spec, ownGroup: !foreground });
      const tree = new GroupTree(this.#host.system, child, {
        share,
        watched: (pid) => `${foreground ? "p" : "g"} ${pid}`,
        ownsShare: share !== this.#share,
        keepsLeftovers: this.#keepsLeftovers,
      });
      return { child, tree };
    } catch (error) {
      if (share !== this.#share) share?.release();
      throw error;
    }
  }

  /** Where a watcher that stays counts as a leak, a run that ends takes it along. */
  #shareForRun(): WatcherRef | null {
    if (this.mechanism === "none") return null;
    return !this.#keepsLeftovers && this.#host.system.countsLeaks
      ? new WatcherRef(this.#host)
      : this.#sharedWatcher;
  }

  /** The watcher hears of the cgroup before anybody is in it. */
  #startInCgroup(spec: SpawnSpec): Contained {
    const { system } = this.#host;
    const folder = this.#folderForRun(spec.program);
    try {
      const child = this.#host.spawn({
        ...spec,
        ownGroup: true,
        cgroup: folder,
      });
      if (!child.entersCgroup) {
        system.writeText(`${folder}/cgroup.procs`, String(child.pid));
      }
      if (this.#isWatched) child.entrustToWatcher();
      const tree = new CgroupTree(system, child, folder, this.#keepsLeftovers);
      return { child, tree };
    } catch (error) {
      system.removeFolder(folder);
      throw error;
    }
  }

  #folderForRun(program: string): string {
    try {
      if (this.#cgroup === null) {
        this.#cgroup = new Cgroup(this.#host.system, this.#base!);
        this.#isWatched = this.#sharedWatcher.watch(`c ${this.#cgroup.path}`);
      }
      return this.#cgroup.folderForRun();
    } catch (cause) {
      throw new SpawnError(
        program,
        `no cgroup can be made for it: ${messageOf(cause)}`,
        { cause },
      );
    }
  }
}

/** What a choice comes to on this host; the base is where cgroups are made. */
function decide(
  host: Runtime,
  choice: ContainmentChoice | undefined,
): { mechanism: ContainmentMechanism | "none"; base: string | null } {
  const plain = withoutCgroup(host);
  switch (choice) {
    case "none":
      return { mechanism: "none", base: null };
    case undefined:
      return { mechanism: plain.mechanism, base: null };
    case "process-group":
      if (plain.mechanism === "process-group") {
        return { mechanism: "process-group", base: null };
      }
      throw new UnsupportedError('containment "process-group"', plain.why!);
    case "auto":
    case "cgroup": {
      const base = cgroupBase(host.system);
      if ("path" in base) return { mechanism: "cgroup", base: base.path };
      if (choice === "auto") return { mechanism: plain.mechanism, base: null };
      throw new UnsupportedError('containment "cgroup"', base.why);
    }
  }
}

/** The strongest mechanism below a cgroup, and why it is not the process group. */
export function withoutCgroup(
  { system }: Runtime,
): { mechanism: ContainmentMechanism; why: string | null } {
  const why = system.noGroupsReason();
  if (why !== null) return { mechanism: "child", why };
  return system.kind === "windows"
    ? { mechanism: "taskkill", why: "Windows has no process groups" }
    : { mechanism: "process-group", why: null };
}
