import type { Child } from "../runtime/runtime.ts";
import type { RunTree } from "./tree.ts";

/** A child alone: whatever it starts is not looked for. */
export class ChildTree implements RunTree {
  readonly #child: Child;
  #childHasEnded = false;

  /** The tree that is `child`. */
  constructor(child: Child) {
    this.#child = child;
  }

  signal(name: string): void {
    if (!this.#childHasEnded) this.#child.signal(name);
  }

  suspend(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  kill(): void {
    if (!this.#childHasEnded) this.#child.signal("SIGKILL");
  }

  members(): number[] {
    return this.#childHasEnded ? [] : [this.#child.pid];
  }

  isEmpty(): boolean {
    return this.#childHasEnded;
  }

  isOver(): boolean {
    return this.#childHasEnded;
  }

  childEnded(): void {
    this.#childHasEnded = true;
  }

  wentOn(): void {}

  endLeftovers(): void {}

  close(): void {}
}
