import { checkOptions } from "./checks.ts";

/**
 * How much of a run's output is kept, for each of its two streams. The rest is
 * read all the same, so that the program never waits for it.
 *
 * What is dropped is whole lines. Only of a line that is by itself longer than
 * `maxBytes` a part stays; line handlers and line readers get as much of it.
 */
export interface OutputBufferPolicy {
  /**
   * How many lines are kept at the most, at least 1.
   *
   * @default {Infinity}
   */
  maxLines?: number;
  /**
   * How many bytes are kept at the most, at least 1.
   *
   * @default {Infinity}
   */
  maxBytes?: number;
  /**
   * What becomes of more than that: the first or the last of it is dropped, and the
   * result is `truncated`; or the run is ended, and rejects with an
   * `OutputTooLargeError`.
   *
   * @default {"drop-oldest"}
   */
  overflow?: "drop-oldest" | "drop-newest" | "error";
}

/** A policy in which nothing is left out. */
export type OutputLimits = Readonly<Required<OutputBufferPolicy>>;

/** Keeps everything. */
export const UNBOUNDED: OutputLimits = Object.freeze({
  maxLines: Infinity,
  maxBytes: Infinity,
  overflow: "drop-oldest",
});

/** Whether a policy limits anything. */
export function isLimitedPolicy(
  { maxLines, maxBytes }: OutputLimits,
): boolean {
  return maxLines < Infinity || maxBytes < Infinity;
}

const OVERFLOWS: readonly unknown[] = ["drop-oldest", "drop-newest", "error"];

/** Refuses limits that are none, and an overflow that is unknown. */
export function checkedLimits(policy: OutputBufferPolicy): OutputLimits {
  checkOptions("outputBuffer", policy, UNBOUNDED);
  const limits = { ...UNBOUNDED, ...withoutUndefined(policy) };
  for (const name of ["maxLines", "maxBytes"] as const) {
    const limit = limits[name];
    if (limit !== Infinity && !(Number.isSafeInteger(limit) && limit >= 1)) {
      throw new RangeError(
        `outputBuffer: ${name}: expected a whole number of at least 1, or Infinity, got ${limit}`,
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
