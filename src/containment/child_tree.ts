import type { Child } from "../runtime/runtime.ts";
import type { RunTree } from "./tree.ts";

/** The tree of a run whose descendants are not looked for: the child alone. */
export class ChildTree implements RunTree {
  readonly #child: Child;
  #childHasExited = false;

  /** Makes the tree of `child`. */
  constructor(child: Child) {
    this.#child = child;
  }

  signal(name: string): void {
    if (!this.#childHasExited) this.#child.signal(name);
  }

  suspend(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  kill(): void {
    if (!this.#childHasExited) this.#child.signal("SIGKILL");
  }

  members(): number[] {
    return this.#childHasExited ? [] : [this.#child.pid];
  }

  isEmpty(): boolean {
    return this.#childHasExited;
  }

  isKnownEmpty(): boolean {
    return this.#childHasExited;
  }

  childExited(): void {
    this.#childHasExited = true;
  }

  outlivedChild(): void {}

  killLeftovers(): void {}

  close(): void {}
}
