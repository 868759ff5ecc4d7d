import type { System } from "../runtime/runtime.ts";
import {
  areEmpty,
  emptyOf,
  GroupTree,
  killTrees,
  membersOfTrees,
  signalTrees,
} from "./group_tree.ts";
import type { RunTree, Tree } from "./tree.ts";

/** The trees of several runs, which can be ended together. */
export class ProcessForest implements Tree {
  readonly #system: System;
  readonly #trees = new Set<RunTree>();
  readonly #retired = new Set<RunTree>();
  /** Those of them that were not looked at yet. */
  readonly #fresh = new Set<RunTree>();

  /** An empty one. */
  constructor(system: System) {
    this.#system = system;
  }

  /** Adds the tree of a run. */
  add(tree: RunTree): void {
    this.#trees.add(tree);
  }

  /** Takes the tree of a run out again. */
  remove(tree: RunTree): void {
    this.#trees.delete(tree);
  }

  /**
   * Keeps the tree of a run that is over for as long as somebody is left in it, which
   * {@linkcode ProcessForest.prune} tells. False if it was let go of already.
   */
  retire(tree: RunTree): boolean {
    if (!this.#trees.has(tree)) return false;
    this.#retired.add(tree);
    this.#fresh.add(tree);
    return true;
  }

  /** Lets go of the trees whose run is over, and in which nobody is left. */
  prune(): void {
    const { groups, others } = sorted(this.#retired);
    const empty = new Set<RunTree>(emptyOf(this.#system, groups));
    for (const tree of others) if (tree.isKnownEmpty()) empty.add(tree);
    for (const tree of this.#retired) {
      if (empty.has(tree)) {
        this.#retired.delete(tree);
        this.#trees.delete(tree);
        tree.close();
      } else if (this.#fresh.has(tree)) tree.outlivedChild();
    }
    this.#fresh.clear();
  }

  signal(name: string): void {
    const { groups, others } = sorted(this.#trees);
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
    const { groups, others } = sorted(this.#trees);
    killTrees(this.#system, groups);
    for (const tree of others) tree.kill();
  }

  members(): number[] {
    const { groups, others } = sorted(this.#trees);
    return [
      ...membersOfTrees(this.#system, groups),
      ...others.flatMap((tree) => tree.members()),
    ].sort((one, other) => one - other);
  }

  isEmpty(): boolean {
    const { groups, others } = sorted(this.#trees);
    return areEmpty(this.#system, groups) &&
      others.every((tree) => tree.isEmpty());
  }

  /** Lets go of all of them. */
  async close(): Promise<void> {
    const trees = [...this.#trees];
    this.#trees.clear();
    this.#retired.clear();
    this.#fresh.clear();
    await Promise.all(trees.map((tree) => tree.close()));
  }
}

/** Those that are looked for together, in one look at all processes; and the others. */
function sorted(
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
