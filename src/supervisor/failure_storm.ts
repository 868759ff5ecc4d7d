import type { SupervisionPlan } from "./plan.ts";

/**
 * Notices when crashes come faster than they are forgotten: each adds 1 to a score
 * that halves every `failureDecay`.
 */
export class FailureStorm {
  readonly #plan: SupervisionPlan;
  #score = 0;
  #scoredAt = 0;

  /** Begins with a score of 0. */
  constructor(plan: SupervisionPlan) {
    this.#plan = plan;
  }

  /** To be told of a crash. Whether it is time for a pause, after which the score is 0 again. */
  crashed(): boolean {
    const { clock, failureDecay, failureThreshold, stormPause } = this.#plan;
    if (stormPause === 0) return false;
    const now = clock.now();
    this.#score = this.#score * 0.5 ** ((now - this.#scoredAt) / failureDecay) +
      1;
    this.#scoredAt = now;
    if (this.#score <= failureThreshold) return false;
    this.#score = 0;
    return true;
  }
}
