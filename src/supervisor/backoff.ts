import type { SupervisionPlan } from "./plan.ts";

/** How long to wait before the next start: longer with every crash in a row. */
export class Backoff {
  readonly #plan: SupervisionPlan;
  /** How many crashes there were in a row. */
  #crashes = 0;

  /** Begins with none. */
  constructor(plan: SupervisionPlan) {
    this.#plan = plan;
  }

  /** To be told of a run that ended, which had lasted so many milliseconds. */
  ended({ isCrash, lasted }: { isCrash: boolean; lasted: number }): void {
    if (lasted >= this.#plan.resetAfter || !isCrash) this.#crashes = 0;
    if (isCrash) this.#crashes++;
  }

  /** The next wait, in milliseconds. */
  next(): number {
    const { backoff: { base, factor }, maxBackoff, jitter, random } =
      this.#plan;
    const exponent = Math.max(0, this.#crashes - 1);
    // The largest powers overflow to infinity, which is bounded too, but not times 0.
    const whole = base === 0
      ? 0
      : Math.min(base * factor ** exponent, maxBackoff);
    return whole * (1 - jitter * random());
  }
}
