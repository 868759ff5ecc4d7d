import { checkMilliseconds } from "../command/checks.ts";
import type { Outcome } from "../outcome/outcome.ts";
import type { Run } from "./run.ts";

/**
 * The resources that a process and everything it started have used; see
 * {@linkcode RunningProcess.profile}.
 */
export interface RunProfile {
  /** How the process ended. */
  readonly outcome: Outcome;
  /** How long the process ran, in milliseconds. */
  readonly duration: number;
  /**
   * The processor time, in milliseconds, that the last samples showed. `null` if the
   * system does not report it, or the process exited before the first sample.
   */
  readonly cpuTime: number | null;
  /**
   * The largest memory, in bytes: the highest total of all processes in one sample, or
   * the peak of a single process if that is higher. `null` under the same conditions as
   * `cpuTime`.
   */
  readonly peakMemory: number | null;
  /** The number of samples taken. */
  readonly samples: number;
}

/** Samples the resources of a run every `every` milliseconds until `wait` resolves. */
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
