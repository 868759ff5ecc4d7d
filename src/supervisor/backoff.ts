import type { SupervisionPlan } from "./plan.ts";

/** Computes the delay before each restart, which grows with every crash in a row. */
export class Backoff {
  readonly #plan: SupervisionPlan;
  /** The number of crashes in a row. */
  #crashes = 0;

  constructor(plan: SupervisionPlan) {
    this.#plan = plan;
  }

  /** Records a run and its duration in milliseconds. A success or a long run resets the count. */
  recordRun(
    { isCrash, duration }: { isCrash: boolean; duration: number },
  ): void {
    if (duration >= this.#plan.resetAfter || !isCrash) this.#crashes = 0;
    if (isCrash) this.#crashes++;
  }

  /** Returns the delay before the next start, in milliseconds. */
  nextDelay(): number {
    const { backoff: { base, factor }, maxBackoff, jitter, random } =
      this.#plan;
    const exponent = Math.max(0, this.#crashes - 1);
    // The power can overflow to Infinity. maxBackoff bounds that, but 0 * Infinity is NaN.
    const delay = base === 0
      ? 0
      : Math.min(base * factor ** exponent, maxBackoff);
    return delay * (1 - jitter * random());
  }
}
