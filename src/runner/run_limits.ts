import type { CommandSpec } from "../command/spec.ts";
import { CancelledError } from "../outcome/errors.ts";

/** What a run may be ended by. */
type Limits = Pick<CommandSpec, "timeout" | "cancelOn">;

/** What ended a run before its time. */
export type ReachedLimit = "timed-out" | "cancelled";

/**
 * Watches the deadline and the abort signals of one run, live or not.
 * Cancellation wins: it may come after the deadline, not the other way round.
 */
export class RunLimits implements Disposable {
  readonly #spec: Limits;
  #onReached: (limit: ReachedLimit) => void = () => {};
  readonly #onAbort = () => this.#reach("cancelled");
  #reached: ReachedLimit | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts to watch. */
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

  /** What ended the run, or `null` while nothing did. */
  get reached(): ReachedLimit | null {
    return this.#reached;
  }

  /**
   * What to do when a limit is reached: once for the deadline, and once for an
   * abort; at once if one has been already. Replaces what was to be done before.
   */
  set onReached(action: (limit: ReachedLimit) => void) {
    this.#onReached = action;
    if (this.#reached !== null) action(this.#reached);
  }

  /**
   * What `promise` resolves to, or `null` as soon as a limit is reached; what it
   * resolves to after that goes to `late`.
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
 * Refuses to go on when an abort signal of the command has fired.
 *
 * @throws {CancelledError} with the signal's reason as its cause
 */
export function throwIfCancelled(spec: CommandSpec): void {
  const fired = spec.cancelOn.find((signal) => signal.aborted);
  if (fired !== undefined) throw new CancelledError(spec.program, fired.reason);
}
