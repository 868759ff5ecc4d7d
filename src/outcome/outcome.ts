import { signalName } from "./signal_names.ts";

/**
 * How a run ended: with an exit code, by a signal, or at its own deadline.
 *
 * `signal` is `null` when the run is known to have been killed but not by which
 * signal.
 *
 * @example
 * ```ts
 * import { type Outcome } from "@processkit/processkit";
 *
 * function describe(outcome: Outcome): string {
 *   switch (outcome.kind) {
 *     case "exited":
 *       return `code ${outcome.code}`;
 *     case "signalled":
 *       return `signal ${outcome.signal ?? "unknown"}`;
 *     case "timed-out":
 *       return "out of time";
 *   }
 * }
 * console.log(describe({ kind: "exited", code: 0 }));
 * ```
 */
export type Outcome =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: number | null }
  | { readonly kind: "timed-out" };

/** The outcome of a run that exited with `code`. */
export function exited(code: number): Outcome {
  return Object.freeze({ kind: "exited", code });
}

/** The outcome of a run that a signal ended; `null` when its number is unknown. */
export function signalled(signal: number | null): Outcome {
  return Object.freeze({ kind: "signalled", signal });
}

/** The outcome of a run that reached its own deadline. */
export function timedOut(): Outcome {
  return Object.freeze({ kind: "timed-out" });
}

/** Whether a run that ended so was a success, where these exit codes count as one. */
export function isSuccess(
  outcome: Outcome,
  okCodes: readonly number[],
): boolean {
  return outcome.kind === "exited" && okCodes.includes(outcome.code);
}

/** How a run ended, in words that complete a sentence about it. */
export function endingOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case "exited":
      return `exited with code ${outcome.code}`;
    case "signalled":
      return `was killed by ${
        outcome.signal === null
          ? "an unknown signal"
          : signalName(outcome.signal)
      }`;
    case "timed-out":
      return "reached its deadline";
  }
}
