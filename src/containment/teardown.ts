import type { Tree } from "./tree.ts";

/** The options of a {@linkcode Teardown}. */
export interface TeardownOptions {
  /** The first signal to every process of the tree. */
  readonly signal: string;
  /**
   * The time to exit after the first signal, in milliseconds. With 0, no signal is sent
   * and the grace expires at once.
   */
  readonly grace: number;
  /** Called when the grace expires before the tree is empty. */
  readonly onExpired: () => void;
}

/** How often the tree is checked for being empty, in milliseconds. */
const POLL_INTERVAL_MS = 25;

/**
 * Ends a process tree: sends a signal, waits for the grace, and calls `onExpired` if a
 * process is left. It finishes as soon as the tree is empty.
 */
export class Teardown implements Disposable {
  /** Resolves with `true` if the tree became empty within the grace, and otherwise with `false`. */
  readonly finished: Promise<boolean>;
  readonly #tree: Tree;
  readonly #onExpired: () => void;
  readonly #finish: (isInTime: boolean) => void;
  #graceTimer: ReturnType<typeof setTimeout> | undefined;
  #expiresAt = 0;
  #pollTimer: ReturnType<typeof setTimeout> | undefined;
  #isFinished = false;

  /** Sends the first signal, and starts the grace. */
  constructor(
    tree: Tree,
    { signal, grace, onExpired }: TeardownOptions,
  ) {
    this.#tree = tree;
    this.#onExpired = onExpired;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.finished = promise;
    this.#finish = resolve;
    if (grace === 0) {
      this.expire();
      return;
    }
    tree.signal(signal);
    this.#startGrace(grace);
    this.#poll();
  }

  /** Shortens the remaining grace to at most `grace` milliseconds. */
  shorten(grace: number): void {
    const expiresAt = performance.now() + grace;
    if (this.#isFinished || expiresAt >= this.#expiresAt) return;
    clearTimeout(this.#graceTimer);
    this.#startGrace(grace);
  }

  /** Ends the grace now. */
  expire(): void {
    if (this.#isFinished) return;
    this.#settle(false);
    this.#onExpired();
  }

  /** Stops waiting. `onExpired` is not called afterwards. */
  [Symbol.dispose](): void {
    this.#settle(false);
  }

  #startGrace(grace: number): void {
    this.#expiresAt = performance.now() + grace;
    this.#graceTimer = setTimeout(() => this.expire(), grace);
  }

  #settle(isInTime: boolean): void {
    this.#isFinished = true;
    clearTimeout(this.#graceTimer);
    clearTimeout(this.#pollTimer);
    this.#finish(isInTime);
  }

  #poll(): void {
    this.#pollTimer = setTimeout(() => {
      if (this.#tree.isEmpty()) this.#settle(true);
      else this.#poll();
    }, POLL_INTERVAL_MS);
  }
}
