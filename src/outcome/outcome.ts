import { signalName } from "./signal_names.ts";

/**
 * How a run ended: with an exit code, by a signal, or at its deadline.
 *
 * `signal` is `null` if the number of the signal is unknown.
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
 * console.log(describe({ kind: "exited", code: 0 })); // code 0
 * ```
 */
export type Outcome =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "signalled"; readonly signal: number | null }
  | { readonly kind: "timed-out" };

/** Returns the outcome of a run that exited with `code`. */
export function exited(code: number): Outcome {
  return Object.freeze({ kind: "exited", code });
}

/** Returns the outcome of a run that was killed by a signal; `null` if its number is unknown. */
export function signalled(signal: number | null): Outcome {
  return Object.freeze({ kind: "signalled", signal });
}

/** Returns the outcome of a run that reached its deadline. */
export function timedOut(): Outcome {
  return Object.freeze({ kind: "timed-out" });
}

/** Tests whether an outcome is a success: an exit with one of `okCodes`. */
export function isSuccess(
  outcome: Outcome,
  okCodes: readonly number[],
): boolean {
  return outcome.kind === "exited" && okCodes.includes(outcome.code);
}

/** Describes an outcome by a verb phrase such as "exited with code 1". */
export function describeOutcome(outcome: Outcome): string {
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
