import type { Tree } from "./tree.ts";

/** How a {@linkcode Teardown} goes about it. */
export interface TeardownOptions {
  /** What everyone is sent first. */
  readonly signal: string;
  /** How long they then have, in milliseconds; with 0 they are killed at once, and sent nothing else. */
  readonly grace: number;
  /** What to do when that was not enough. */
  readonly onOverdue: () => void;
}

/** How often a tree is looked at that has to become empty, in milliseconds. */
const LOOK_EVERY_MS = 25;

/**
 * The one way in which a tree is ended before its time: a signal, some time for
 * everyone to go by themselves, and then the end. It is over as soon as nobody is
 * left.
 */
export class Teardown implements Disposable {
  /** Resolves to whether everyone has gone by themselves in time. */
  readonly finished: Promise<boolean>;
  readonly #tree: Tree;
  readonly #onOverdue: () => void;
  readonly #finish: (inTime: boolean) => void;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #overdueAt = 0;
  #pollTimer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  /** Begins. */
  constructor(tree: Tree, { signal, grace, onOverdue }: TeardownOptions) {
    this.#tree = tree;
    this.#onOverdue = onOverdue;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.finished = promise;
    this.#finish = resolve;
    if (grace === 0) {
      this.expire();
      return;
    }
    tree.signal(signal);
    this.#setOverdue(grace);
    this.#poll();
  }

  /** Leaves everyone no more than `grace` milliseconds from now. */
  shorten(grace: number): void {
    if (this.#isOver || performance.now() + grace >= this.#overdueAt) return;
    clearTimeout(this.#graceTimer);
    this.#setOverdue(grace);
  }

  /** Ends the time that everyone has. */
  expire(): void {
    if (this.#isOver) return;
    this.#settle(false);
    this.#onOverdue();
  }

  /** Waits no longer, and does nothing more. */
  [Symbol.dispose](): void {
    this.#settle(false);
  }

  #setOverdue(grace: number): void {
    this.#overdueAt = performance.now() + grace;
    this.#graceTimer = setTimeout(() => this.expire(), grace);
  }

  #settle(inTime: boolean): void {
    this.#isOver = true;
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#pollTimer);
    this.#finish(inTime);
  }

  #poll(): void {
    this.#pollTimer = setTimeout(() => {
      if (this.#tree.isEmpty()) this.#settle(true);
      else this.#poll();
    }, LOOK_EVERY_MS);
  }
}
