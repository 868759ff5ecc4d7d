import type { CommandSpec } from "../command/spec.ts";
import { CancelledError } from "../outcome/errors.ts";

/** The settings that limit a run. */
type Limits = Pick<CommandSpec, "timeout" | "cancelOn">;

/** The limit that a run has reached. */
export type ReachedLimit = "timed-out" | "cancelled";

/**
 * Watches the deadline and the abort signals of one run. An abort may follow a
 * deadline; after an abort the deadline is ignored.
 */
export class RunLimits implements Disposable {
  readonly #spec: Limits;
  #onReached: (limit: ReachedLimit) => void = () => {};
  readonly #onAbort = () => this.#reach("cancelled");
  #reached: ReachedLimit | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts the timer and the listeners. */
  constructor(spec: Limits) {
    this.#spec = spec;
    if (spec.timeout !== null) {
      this.#timer = setTimeout(() => this.#reach("timed-out"), spec.timeout);
    }
    for (const signal of spec.cancelOn) {
      if (signal.aborted) this.#reached = "cancelled";
      else signal.addEventListener("abort", this.#onAbort);
    }
  }

  /** The limit that was reached last; `null` if none was. */
  get reached(): ReachedLimit | null {
    return this.#reached;
  }

  /**
   * Sets the callback for reached limits: called once for the deadline and once for an
   * abort, and immediately if a limit was already reached. Replaces an earlier
   * callback.
   */
  set onReached(action: (limit: ReachedLimit) => void) {
    this.#onReached = action;
    if (this.#reached !== null) action(this.#reached);
  }

  /**
   * Waits for `promise`; resolves with `null` as soon as a limit is reached. A value
   * that arrives after that is passed to `onLate`.
   */
  within<T>(
    promise: Promise<T>,
    onLate: (value: T) => void,
  ): Promise<T | null> {
    return new Promise((resolve, reject) => {
      promise.then(resolve, reject);
      this.onReached = () => {
        resolve(null);
        promise.then(onLate, () => {});
      };
    });
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const signal of this.#spec.cancelOn) {
      signal.removeEventListener("abort", this.#onAbort);
    }
  }

  #reach(limit: ReachedLimit): void {
    if (this.#reached === "cancelled") return;
    this.#reached = limit;
    this.#onReached(limit);
  }
}

/**
 * Throws if an abort signal of the command has fired.
 *
 * @throws {CancelledError} with the signal's reason as its cause
 */
export function throwIfCancelled(spec: CommandSpec): void {
  const fired = spec.cancelOn.find((signal) => signal.aborted);
  if (fired !== undefined) {
    throw new CancelledError(spec.program, fired.reason, spec.args);
  }
}
