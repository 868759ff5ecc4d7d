import type { SupervisionPlan } from "./plan.ts";

/**
 * Detects crashes in quick succession. Each crash adds 1 to a score that halves every
 * `failureDecay` milliseconds.
 */
export class FailureStorm {
  readonly #plan: SupervisionPlan;
  #score = 0;
  #updatedAt = 0;

  constructor(plan: SupervisionPlan) {
    this.#plan = plan;
  }

  /** Records a crash. Returns `true` if the score exceeds the threshold; it is then set to 0. */
  recordCrash(): boolean {
    const { clock, failureDecay, failureThreshold, stormPause } = this.#plan;
    if (stormPause === 0) return false;
    const now = clock.now();
    const halvings = (now - this.#updatedAt) / failureDecay;
    this.#score = this.#score * 0.5 ** halvings + 1;
    this.#updatedAt = now;
    if (this.#score <= failureThreshold) return false;
    this.#score = 0;
    return true;
  }
}
