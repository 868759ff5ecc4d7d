import type { Child } from "../runtime/runtime.ts";
import type { RunTree } from "./tree.ts";

/** A child alone: whatever it starts is not looked for. */
export class ChildTree implements RunTree {
  readonly #child: Child;
  #childHasExited = false;

  /** The tree that is `child`. */
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
