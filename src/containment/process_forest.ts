import type { System } from "../runtime/runtime.ts";
import {
  areEmpty,
  emptyTreesOf,
  GroupTree,
  killTrees,
  membersOfTrees,
  signalTrees,
} from "./group_tree.ts";
import type { RunTree, Tree } from "./tree.ts";

/** The trees of several runs, as one tree. */
export class ProcessForest implements Tree {
  readonly #system: System;
  readonly #trees = new Set<RunTree>();
  /** The trees of finished runs that are kept for their leftovers. */
  readonly #retired = new Set<RunTree>();
  /** The retired trees that were not checked yet. */
  readonly #unchecked = new Set<RunTree>();

  /** Makes an empty forest. */
  constructor(system: System) {
    this.#system = system;
  }

  /** Adds the tree of a run. */
  add(tree: RunTree): void {
    this.#trees.add(tree);
  }

  /** Removes the tree of a run. */
  remove(tree: RunTree): void {
    this.#trees.delete(tree);
  }

  /**
   * Marks the tree of a run that is over. It stays until {@linkcode ProcessForest.prune}
   * finds it empty. Returns `false` if the tree was removed already.
   */
  retire(tree: RunTree): boolean {
    if (!this.#trees.has(tree)) return false;
    this.#retired.add(tree);
    this.#unchecked.add(tree);
    return true;
  }

  /** Removes and closes the retired trees that are empty. */
  prune(): void {
    const { groups, others } = partition(this.#retired);
    const empty = new Set<RunTree>(emptyTreesOf(this.#system, groups));
    for (const tree of others) if (tree.isKnownEmpty()) empty.add(tree);
    for (const tree of this.#retired) {
      if (empty.has(tree)) {
        this.#retired.delete(tree);
        this.#trees.delete(tree);
        tree.close();
      } else if (this.#unchecked.has(tree)) tree.outlivedChild();
    }
    this.#unchecked.clear();
  }

  signal(name: string): void {
    const { groups, others } = partition(this.#trees);
    signalTrees(this.#system, groups, name);
    for (const tree of others) tree.signal(name);
  }

  suspend(): void {
    for (const tree of this.#trees) tree.suspend();
  }

  resume(): void {
    for (const tree of this.#trees) tree.resume();
  }

  kill(): void {
    const { groups, others } = partition(this.#trees);
    killTrees(this.#system, groups);
    for (const tree of others) tree.kill();
  }

  members(): number[] {
    const { groups, others } = partition(this.#trees);
    return [
      ...membersOfTrees(this.#system, groups),
      ...others.flatMap((tree) => tree.members()),
    ].sort((one, other) => one - other);
  }

  isEmpty(): boolean {
    const { groups, others } = partition(this.#trees);
    return areEmpty(this.#system, groups) &&
      others.every((tree) => tree.isEmpty());
  }

  /** Removes and closes all trees. */
  async close(): Promise<void> {
    const trees = [...this.#trees];
    this.#trees.clear();
    this.#retired.clear();
    this.#unchecked.clear();
    await Promise.all(trees.map((tree) => tree.close()));
  }
}

/**
 * Separates the group trees, whose members are found together in one process table, from
 * the others.
 */
function partition(
  trees: Iterable<RunTree>,
): { groups: GroupTree[]; others: RunTree[] } {
  const groups: GroupTree[] = [];
  const others: RunTree[] = [];
  for (const tree of trees) {
    if (tree instanceof GroupTree) groups.push(tree);
    else others.push(tree);
  }
  return { groups, others };
}
