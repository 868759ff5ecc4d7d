import type { System } from "../runtime/runtime.ts";
import {
  areEmpty,
  GroupTree,
  killTrees,
  membersOfTrees,
  signalTrees,
} from "./group_tree.ts";
import type { RunTree, Tree } from "./tree.ts";

/** The trees of several runs, which can be ended together. */
export class Forest implements Tree {
  readonly #system: System;
  readonly #trees = new Set<RunTree>();

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

  /** Lets go of those in which nobody is left. */
  prune(): void {
    for (const tree of this.#trees) {
      if (!tree.isOver()) continue;
      this.#trees.delete(tree);
      tree.close();
    }
  }

  signal(name: string): void {
    const { groups, others } = this.#sorted();
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
    const { groups, others } = this.#sorted();
    killTrees(this.#system, groups);
    for (const tree of others) tree.kill();
  }

  members(): number[] {
    const { groups, others } = this.#sorted();
    return [
      ...membersOfTrees(this.#system, groups),
      ...others.flatMap((tree) => tree.members()),
    ].sort((one, other) => one - other);
  }

  isEmpty(): boolean {
    const { groups, others } = this.#sorted();
    return areEmpty(this.#system, groups) &&
      others.every((tree) => tree.isEmpty());
  }

  /** Lets go of all of them. */
  async close(): Promise<void> {
    const trees = [...this.#trees];
    this.#trees.clear();
    await Promise.all(trees.map((tree) => tree.close(true)));
  }

  /** Those that are looked for together, in one look at all processes; and the others. */
  #sorted(): { groups: GroupTree[]; others: RunTree[] } {
    const groups: GroupTree[] = [];
    const others: RunTree[] = [];
    for (const tree of this.#trees) {
      if (tree instanceof GroupTree) groups.push(tree);
      else others.push(tree);
    }
    return { groups, others };
  }
}
