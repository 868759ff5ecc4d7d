import { checkOptions, shownValue } from "./checks.ts";

/**
 * Limits how much output of a run is kept. The limits apply to stdout and to stderr
 * separately. The rest is read and dropped, so that the child never blocks on a full pipe.
 *
 * Whole lines are dropped. A single line that is longer than `maxBytes` is truncated, also
 * for line handlers and for consumers of lines.
 */
export interface OutputBufferPolicy {
  /**
   * The maximum number of lines to keep, at least 1.
   *
   * @default {Infinity}
   */
  maxLines?: number;
  /**
   * The maximum number of bytes to keep, at least 1.
   *
   * @default {Infinity}
   */
  maxBytes?: number;
  /**
   * What happens to output beyond the limits. `"drop-oldest"` keeps the end of the output,
   * and `"drop-newest"` keeps the beginning; the result is then `truncated`. `"error"` kills
   * the run, which rejects with an `OutputTooLargeError`.
   *
   * @default {"drop-oldest"}
   */
  overflow?: "drop-oldest" | "drop-newest" | "error";
}

/** A policy with all of its fields. */
export type OutputLimits = Readonly<Required<OutputBufferPolicy>>;

/** The policy that keeps all output. */
export const UNBOUNDED: OutputLimits = Object.freeze({
  maxLines: Infinity,
  maxBytes: Infinity,
  overflow: "drop-oldest",
});

/** Tests whether a policy has a limit. */
export function isLimitedPolicy(
  { maxLines, maxBytes }: OutputLimits,
): boolean {
  return maxLines < Infinity || maxBytes < Infinity;
}

const OVERFLOWS: readonly unknown[] = ["drop-oldest", "drop-newest", "error"];

/** Checks a policy, and adds the defaults. */
export function checkedLimits(policy: OutputBufferPolicy): OutputLimits {
  checkOptions("outputBuffer", policy, UNBOUNDED);
  const limits = { ...UNBOUNDED, ...withoutUndefined(policy) };
  for (const name of ["maxLines", "maxBytes"] as const) {
    const limit = limits[name];
    if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 1)) {
      throw new RangeError(
        `outputBuffer: ${name}: expected a whole number of at least 1, or Infinity, got ${
          shownValue(limit)
        }`,
      );
    }
  }
  if (!OVERFLOWS.includes(limits.overflow)) {
    throw new TypeError(
      `outputBuffer: overflow: expected one of ${OVERFLOWS.join(", ")}, got ${
        JSON.stringify(limits.overflow)
      }`,
    );
  }
  return Object.freeze(limits);
}

function withoutUndefined(policy: OutputBufferPolicy): OutputBufferPolicy {
  return Object.fromEntries(
    Object.entries(policy).filter(([, value]) => value !== undefined),
  );
}
