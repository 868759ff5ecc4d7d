import { checkMilliseconds } from "../command/checks.ts";
import type { Outcome } from "../outcome/outcome.ts";
import type { Run } from "./run.ts";

/** What a process, with all it started, has used from its start to its end. */
export interface RunProfile {
  /** How it ended. */
  readonly outcome: Outcome;
  /** How long it ran, in milliseconds. */
  readonly duration: number;
  /**
   * The processor time it was last seen to have used, in milliseconds; `null` where
   * the system does not tell, or it ended before it was looked at.
   */
  readonly cpuTime: number | null;
  /**
   * The most memory that it was seen to take, in bytes: of all its processes at one
   * time, or of one at any time. `null` as for `cpuTime`.
   */
  readonly peakMemory: number | null;
  /** How many times it was looked at. */
  readonly samples: number;
}

/** Looks at what a run uses until `wait` tells that it has ended. */
export async function profile(
  run: Run,
  every: number,
  wait: () => Promise<Outcome>,
): Promise<RunProfile> {
  checkMilliseconds("profile", every);
  if (every < 1) {
    throw new RangeError(`profile: expected at least 1 ms, got ${every}`);
  }
  const peaks: { cpuTime: number | null; peakMemory: number | null } = {
    cpuTime: null,
    peakMemory: null,
  };
  let samples = 0;
  const sample = () => {
    const usage = run.backend.usage();
    if (usage === null) return;
    const { cpuTime, memory, largest } = usage;
    peaks.cpuTime = maxOf(peaks.cpuTime, cpuTime);
    peaks.peakMemory = maxOf(peaks.peakMemory, maxOf(memory, largest));
    samples++;
  };
  sample();
  const timer = setInterval(sample, every);
  try {
    const outcome = await wait();
    return { outcome, duration: run.elapsed, ...peaks, samples };
  } finally {
    clearInterval(timer);
  }
}

function maxOf(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.max(one, other);
}
