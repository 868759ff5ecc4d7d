import type { Child, System } from "../runtime/runtime.ts";
import {
  membersOf,
  type ProcessInfo,
  processTable,
  type TreeRoot,
} from "./process_table.ts";
import type { RunTree } from "./tree.ts";
import type { WatcherRef, WatchTarget } from "./watcher.ts";

/** The options of a {@linkcode GroupTree}. */
export interface GroupTreeOptions {
  /** The watcher that kills the tree if this program ends first; `null` without one. */
  readonly watcher: WatcherRef | null;
  /** The name of the tree in messages to the watcher. */
  readonly watchTarget: WatchTarget;
  /** Whether the watcher reference belongs to this tree alone, which then releases it. */
  readonly ownsWatcher: boolean;
  /** Whether the processes that the run leaves behind may stay. */
  readonly keepsLeftovers: boolean;
}

/**
 * The tree of a child that leads a process group, or of a foreground child. Its members are
 * the group, and outside the group the descendants that are found by parent or session.
 */
export class GroupTree implements RunTree {
  readonly #system: System;
  readonly #child: Child;
  readonly #options: GroupTreeOptions;
  /**
   * The members that received a signal. They are remembered because they may have left the
   * group, or their parent or session may be gone, by the time they must be killed.
   */
  readonly #signalled = new Set<ProcessInfo>();
  #childHasExited = false;
  #hasOutlivedChild = false;
  /**
   * Whether the group was seen empty after its leader had exited. It is never signalled
   * again then, since its number may be reused.
   */
  #isGroupGone = false;
  /**
   * Whether the number of the child belongs to another process by now, which may lead a
   * group or a session too.
   */
  #isPidReused = false;

  /** Makes the tree of `child`, and has the watcher watch it. */
  constructor(system: System, child: Child, options: GroupTreeOptions) {
    this.#system = system;
    this.#child = child;
    this.#options = options;
    if (options.watcher?.watch(options.watchTarget)) child.entrustToWatcher();
  }

  /** The root from which members of the tree are found. */
  get root(): TreeRoot {
    return {
      pid: this.#child.pid,
      leads: this.#child.leadsGroup && !this.#checkPidReuse(),
      hasExited: this.#childHasExited,
    };
  }

  signal(name: string): void {
    signalTrees(this.#system, [this], name);
  }

  suspend(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  kill(): void {
    killTrees(this.#system, [this]);
  }

  members(): number[] {
    return membersOfTrees(this.#system, [this]);
  }

  isEmpty(): boolean {
    return areEmpty(this.#system, [this]);
  }

  childExited(): void {
    this.#childHasExited = true;
  }

  outlivedChild(): void {
    this.#hasOutlivedChild = true;
    const { watcher, watchTarget } = this.#options;
    watcher?.leaderExited(watchTarget);
  }

  killLeftovers(): void {
    if (this.#child.leadsGroup && !this.#options.keepsLeftovers) {
      this.#signalGroup("SIGKILL");
    }
  }

  close(): void | Promise<void> {
    const { watcher, watchTarget, ownsWatcher } = this.#options;
    this.killLeftovers();
    watcher?.unwatch(watchTarget);
    if (ownsWatcher) return watcher?.release();
  }

  /** Returns the root, and the remembered members that are still running as further roots. */
  rootsIn(table: readonly ProcessInfo[]): TreeRoot[] {
    const roots = [this.root];
    if (this.#signalled.size > 0) {
      const present = new Map(table.map(({ pid, started }) => [pid, started]));
      for (const member of this.#signalled) {
        if (present.get(member.pid) === member.started) {
          roots.push({ pid: member.pid, leads: false, hasExited: false });
        } else this.#signalled.delete(member);
      }
    }
    return roots;
  }

  /** Remembers a member that receives a signal. */
  rememberSignalled(member: ProcessInfo): void {
    this.#signalled.add(member);
  }

  /** Signals the child and the group that it leads, without looking for other members. */
  signalGroup(name: string): void {
    const { leadsGroup } = this.#child;
    if (leadsGroup && this.#signalGroup(name)) return;
    // The group does not exist: the child has exited, or it was just started and has not
    // created the group yet. It has no children in the second case. It may create the group
    // at any moment, so the group is signalled once more after the child.
    if (!this.#childHasExited) {
      this.#child.signal(name);
      if (leadsGroup) this.#signalGroup(name);
    }
  }

  isKnownEmpty(): boolean {
    if (!this.#childHasExited || this.#signalled.size > 0) return false;
    if (!this.#child.leadsGroup || this.#isGroupGone || this.#checkPidReuse()) {
      return true;
    }
    this.#isGroupGone = !this.#system.exists(-this.#child.pid);
    return this.#isGroupGone;
  }

  /**
   * Tests whether the number of the exited child belongs to another process. The kernel does
   * not reuse a number while a group or a session has it, so a reused number also means that
   * the group and the session of the child are empty.
   */
  #checkPidReuse(): boolean {
    if (this.#childHasExited && !this.#isPidReused) {
      this.#isPidReused = this.#system.exists(this.#child.pid);
    }
    return this.#isPidReused;
  }

  /** Signals the group. Returns `false` if it is empty. */
  #signalGroup(name: string): boolean {
    // The check is left out right after the exit of the child: its number cannot be reused
    // that soon.
    if (
      this.#isGroupGone || (this.#hasOutlivedChild && this.#checkPidReuse())
    ) {
      return false;
    }
    const exists = this.#child.signalGroup(name);
    if (!exists && this.#childHasExited) this.#isGroupGone = true;
    return exists;
  }
}

/** Signals every process of these trees. */
export function signalTrees(
  system: System,
  trees: readonly GroupTree[],
  name: string,
): void {
  if (trees.length === 0) return;
  // The members are found first, because a process whose parent exits by the signal could not
  // be found afterwards.
  const table = processTable(system) ?? [];
  const members = membersIn(system, table, trees);
  const outside = outsideGroups(members, trees);
  rememberSignalled(system, table, trees, members, outside);
  for (const tree of trees) tree.signalGroup(name);
  for (const { pid } of outside) system.signal(pid, name);
}

/**
 * Makes each tree remember its own members. `outside` are the members that are not in the
 * group of their tree.
 */
function rememberSignalled(
  system: System,
  table: readonly ProcessInfo[],
  trees: readonly GroupTree[],
  members: readonly ProcessInfo[],
  outside: readonly ProcessInfo[],
): void {
  const byGroup = Map.groupBy(members, ({ group }) => group);
  const outsiders = new Set(outside);
  for (const tree of trees) {
    byGroup.get(tree.root.pid)?.forEach((member) =>
      tree.rememberSignalled(member)
    );
    if (outsiders.size === 0) continue;
    for (const member of membersOf(system, table, tree.rootsIn(table))) {
      if (outsiders.has(member)) tree.rememberSignalled(member);
    }
  }
}

/** How often a kill looks for processes that were started meanwhile. */
const MAX_STOP_ROUNDS = 10;

/**
 * Kills every process of these trees. First it stops them, and looks for more members until
 * it finds none: a stopped process can neither start a process nor leave its group.
 */
export function killTrees(system: System, trees: readonly GroupTree[]): void {
  if (trees.length === 0) return;
  const stopped = new Set<number>();
  for (const tree of trees) tree.signalGroup("SIGSTOP");
  for (let round = 0; round < MAX_STOP_ROUNDS; round++) {
    const table = processTable(system) ?? [];
    const members = membersIn(system, table, trees, [...stopped]);
    const running = outsideGroups(members, trees).filter(({ pid }) =>
      !stopped.has(pid)
    );
    if (running.length === 0) break;
    for (const { pid } of running) {
      system.signal(pid, "SIGSTOP");
      stopped.add(pid);
    }
  }
  for (const tree of trees) tree.signalGroup("SIGKILL");
  for (const pid of stopped) system.signal(pid, "SIGKILL");
}

/**
 * Returns the processes of these trees that have not exited. Where `/proc` cannot be read,
 * these are the children alone.
 */
export function membersOfTrees(
  system: System,
  trees: readonly GroupTree[],
): number[] {
  const table = processTable(system);
  const pids = table === null
    ? trees.filter(({ root }) => !root.hasExited).map(({ root }) => root.pid)
    : membersIn(system, table, trees).map(({ pid }) => pid);
  return pids.sort((one, other) => one - other);
}

/** Tests whether all of these trees are empty. */
export function areEmpty(system: System, trees: readonly GroupTree[]): boolean {
  if (trees.some(({ root }) => !root.hasExited)) return false;
  if (trees.length === 0) return true;
  const table = processTable(system);
  return table === null
    ? trees.every((tree) => tree.isKnownEmpty())
    : membersIn(system, table, trees).length === 0;
}

/** Returns those of these trees that are empty. */
export function emptyTreesOf(
  system: System,
  trees: readonly GroupTree[],
): readonly GroupTree[] {
  const table = trees.length === 0 ? [] : processTable(system);
  if (table === null) return trees.filter((tree) => tree.isKnownEmpty());
  return membersIn(system, table, trees).length === 0
    ? trees
    : trees.filter((tree) => membersIn(system, table, [tree]).length === 0);
}

/** Returns the members of these trees, and the descendants of `others`. */
function membersIn(
  system: System,
  table: readonly ProcessInfo[],
  trees: readonly GroupTree[],
  others: readonly number[] = [],
): ProcessInfo[] {
  const roots = trees.flatMap((tree) => tree.rootsIn(table));
  for (const pid of others) roots.push({ pid, leads: false, hasExited: false });
  return membersOf(system, table, roots);
}

/** Returns the members that {@linkcode GroupTree.signalGroup} does not reach. */
function outsideGroups(
  members: readonly ProcessInfo[],
  trees: readonly GroupTree[],
): ProcessInfo[] {
  const groups = new Set<number>();
  const children = new Set<number>();
  for (const { root } of trees) {
    if (root.leads) groups.add(root.pid);
    children.add(root.pid);
  }
  return members.filter(({ pid, group }) =>
    !groups.has(group) && !children.has(pid)
  );
}
