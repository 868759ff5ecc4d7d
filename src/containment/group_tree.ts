import type { Child, System } from "../runtime/runtime.ts";
import {
  membersOf,
  type ProcessFacts,
  processTable,
  type TreeRoot,
} from "./process_table.ts";
import type { RunTree } from "./tree.ts";
import type { Watched, WatcherRef } from "./watcher.ts";

/** What becomes of a {@linkcode GroupTree} beyond its run. */
export interface GroupTreeOptions {
  /** The watcher that is to end it, should the program end first; `null` without one. */
  readonly share: WatcherRef | null;
  /** What the watcher is told. */
  readonly watched: (pid: number) => Watched;
  /** Whether the share is this tree's alone, to be released at its end. */
  readonly ownsShare: boolean;
  /** Whether those whom the run leaves behind may stay. */
  readonly keepsLeftovers: boolean;
}

/**
 * A child with what it started: its process group, if it leads one, and when that
 * is not enough whoever is found by parent or by session.
 */
export class GroupTree implements RunTree {
  readonly #system: System;
  readonly #child: Child;
  readonly #options: GroupTreeOptions;
  /** Those who were signalled: by the time they have to be killed, what told of them may have ended, or they have left. */
  readonly #signalled = new Set<ProcessFacts>();
  #childHasExited = false;
  #hasOutlivedChild = false;
  /** Whether nobody was in the group after its leader had ended: it is never signalled again. */
  #isGone = false;
  /** Whether its number was given to somebody else, who may lead a group and a session as well. */
  #isPidReused = false;

  /** The tree of `child`, which leads a group or does not. */
  constructor(system: System, child: Child, options: GroupTreeOptions) {
    this.#system = system;
    this.#child = child;
    this.#options = options;
    if (options.share?.watch(options.watched(child.pid))) {
      child.entrustToWatcher();
    }
  }

  /** Where the tree begins. */
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
    const { share, watched } = this.#options;
    share?.leaderExited(watched(this.#child.pid));
  }

  killLeftovers(): void {
    if (this.#child.leadsGroup && !this.#options.keepsLeftovers) {
      this.#signalGroup("SIGKILL");
    }
  }

  close(): void | Promise<void> {
    const { share, watched, ownsShare } = this.#options;
    this.killLeftovers();
    share?.forget(watched(this.#child.pid));
    if (ownsShare) return share?.release();
  }

  /** Where the tree begins, with those of its members who were signalled and are still there. */
  rootsIn(table: readonly ProcessFacts[]): TreeRoot[] {
    const roots = [this.root];
    if (this.#signalled.size > 0) {
      const present = new Map(table.map(({ pid, started }) => [pid, started]));
      for (const facts of this.#signalled) {
        if (present.get(facts.pid) === facts.started) {
          roots.push({ pid: facts.pid, leads: false, hasExited: false });
        } else this.#signalled.delete(facts);
      }
    }
    return roots;
  }

  /** Remembers a member who is signalled. */
  remember(member: ProcessFacts): void {
    this.#signalled.add(member);
  }

  /** Signals the child and the group it leads, without looking for anybody else. */
  signalGroup(name: string): void {
    const { leadsGroup } = this.#child;
    if (leadsGroup && this.#signalGroup(name)) return;
    // Nobody there: the child has ended, or it has only just started and does not
    // lead the group yet. Then it has no children either; but by now it may.
    if (!this.#childHasExited) {
      this.#child.signal(name);
      if (leadsGroup) this.#signalGroup(name);
    }
  }

  isKnownEmpty(): boolean {
    if (!this.#childHasExited || this.#signalled.size > 0) return false;
    if (!this.#child.leadsGroup || this.#isGone || this.#checkPidReuse()) {
      return true;
    }
    this.#isGone = !this.#system.exists(-this.#child.pid);
    return this.#isGone;
  }

  /**
   * Whether the child's number is somebody else's by now. It is given to no process
   * while a group or a session has it: these were empty in between then.
   */
  #checkPidReuse(): boolean {
    if (this.#childHasExited && !this.#isPidReused) {
      this.#isPidReused = this.#system.exists(this.#child.pid);
    }
    return this.#isPidReused;
  }

  #signalGroup(name: string): boolean {
    // Right after the child's end its number cannot be another's yet.
    if (this.#isGone || (this.#hasOutlivedChild && this.#checkPidReuse())) {
      return false;
    }
    const isThere = this.#child.signalGroup(name);
    if (!isThere && this.#childHasExited) this.#isGone = true;
    return isThere;
  }
}

/** Signals everyone in these trees. */
export function signalTrees(
  system: System,
  trees: readonly GroupTree[],
  name: string,
): void {
  if (trees.length === 0) return;
  // Looked for first: who loses a parent by the signal is not found after it.
  const table = processTable(system) ?? [];
  const members = membersIn(system, table, trees);
  const others = outsideOfGroups(members, trees);
  remember(system, table, trees, members, others);
  for (const tree of trees) tree.signalGroup(name);
  for (const { pid } of others) system.signal(pid, name);
}

/** Has each tree remember its members, of whom `others` are not in its own group. */
function remember(
  system: System,
  table: readonly ProcessFacts[],
  trees: readonly GroupTree[],
  members: readonly ProcessFacts[],
  others: readonly ProcessFacts[],
): void {
  const byGroup = Map.groupBy(members, ({ group }) => group);
  const outside = new Set(others);
  for (const tree of trees) {
    byGroup.get(tree.root.pid)?.forEach((facts) => tree.remember(facts));
    if (outside.size === 0) continue;
    for (const facts of membersOf(system, table, tree.rootsIn(table))) {
      if (outside.has(facts)) tree.remember(facts);
    }
  }
}

/** How often those who are found are looked at for children that they had meanwhile. */
const MOST_ROUNDS = 10;

/**
 * Ends everyone in these trees. All of them are stopped first, until there is nobody
 * new: who is stopped can start nobody, nor leave a group that is killed as a whole.
 */
export function killTrees(system: System, trees: readonly GroupTree[]): void {
  if (trees.length === 0) return;
  const stopped = new Set<number>();
  for (const tree of trees) tree.signalGroup("SIGSTOP");
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const table = processTable(system) ?? [];
    const found = membersIn(system, table, trees, [...stopped]);
    const fresh = outsideOfGroups(found, trees).filter(({ pid }) =>
      !stopped.has(pid)
    );
    if (fresh.length === 0) break;
    for (const { pid } of fresh) {
      system.signal(pid, "SIGSTOP");
      stopped.add(pid);
    }
  }
  for (const tree of trees) tree.signalGroup("SIGKILL");
  for (const pid of stopped) system.signal(pid, "SIGKILL");
}

/** Everyone in these trees who has not ended; the children alone where the system does not tell of others. */
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

/** Whether nobody is left in these trees. */
export function areEmpty(system: System, trees: readonly GroupTree[]): boolean {
  if (trees.some(({ root }) => !root.hasExited)) return false;
  if (trees.length === 0) return true;
  const table = processTable(system);
  return table === null
    ? trees.every((tree) => tree.isKnownEmpty())
    : membersIn(system, table, trees).length === 0;
}

/** Those of these trees in which nobody is left. */
export function emptyOf(
  system: System,
  trees: readonly GroupTree[],
): readonly GroupTree[] {
  const table = trees.length === 0 ? [] : processTable(system);
  if (table === null) return trees.filter((tree) => tree.isKnownEmpty());
  return membersIn(system, table, trees).length === 0
    ? trees
    : trees.filter((tree) => membersIn(system, table, [tree]).length === 0);
}

/** Everyone in these trees, or below `others`. */
function membersIn(
  system: System,
  table: readonly ProcessFacts[],
  trees: readonly GroupTree[],
  others: readonly number[] = [],
): ProcessFacts[] {
  const roots = trees.flatMap((tree) => tree.rootsIn(table));
  for (const pid of others) roots.push({ pid, leads: false, hasExited: false });
  return membersOf(system, table, roots);
}

/** Those who are not reached by a signal to the trees' own groups. */
function outsideOfGroups(
  members: readonly ProcessFacts[],
  trees: readonly GroupTree[],
): ProcessFacts[] {
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
