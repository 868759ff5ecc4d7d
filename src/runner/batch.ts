import { checkOptions, checkWholeNumber } from "../command/checks.ts";
import { type Command, specOf } from "../command/command.ts";
import { defaultRunner } from "../command/default_runner.ts";
import type { Outcome } from "../outcome/outcome.ts";
import type { ProcessResult } from "../outcome/result.ts";
import type { ProcessRunner } from "./process_runner.ts";
import type { RunningProcess } from "./running_process.ts";

/**
 * Waits for the first of several live processes to end; the others go on.
 *
 * @throws {TypeError} if there are none
 * @throws what `wait` of the one that ends first throws
 *
 * @example
 * ```ts
 * import { Command, waitAny } from "@processkit/processkit";
 *
 * await using quick = await new Command("true").start();
 * await using slow = await new Command("sleep", ["60"]).start();
 * console.log(await waitAny([slow, quick])); // { index: 1, outcome: { kind: "exited", code: 0 } }
 * ```
 */
export async function waitAny(
  runs: readonly RunningProcess[],
): Promise<{ index: number; outcome: Outcome }> {
  if (runs.length === 0) {
    throw new TypeError("waitAny: expected at least one process, got none");
  }
  return await Promise.race(
    runs.map(async (run, index) => ({ index, outcome: await run.wait() })),
  );
}

/**
 * Waits for all of several live processes to end; their outcomes are in the order
 * of the processes.
 *
 * @throws what `wait` of one of them throws, when all of them have ended
 *
 * @example
 * ```ts
 * import { Command, waitAll } from "@processkit/processkit";
 *
 * await using one = await new Command("true").start();
 * await using other = await new Command("false").start();
 * console.log(await waitAll([one, other])); // such as [{ kind: "exited", code: 0 }, { kind: "exited", code: 1 }]
 * ```
 */
export async function waitAll(
  runs: readonly RunningProcess[],
): Promise<Outcome[]> {
  const settled = await Promise.allSettled(runs.map((run) => run.wait()));
  return settled.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

/** How {@linkcode outputAll} goes about it. */
export interface OutputAllOptions {
  /** How many runs there may be at one time, at least 1. */
  concurrency: number;
  /**
   * What runs them.
   *
   * @default {the runner of each command's own verbs}
   */
  runner?: ProcessRunner;
  /** Called whenever a run is over, with how many are, of how many. */
  onProgress?: (done: number, total: number) => void;
}

const OUTPUT_ALL_OPTIONS: Readonly<Record<keyof OutputAllOptions, true>> = {
  concurrency: true,
  runner: true,
  onProgress: true,
};

/**
 * Runs several commands, some at a time, and captures their output as text. The
 * results are in the order of the commands, whatever the order in which they come;
 * one that fails stops none of the others.
 *
 * @throws {RangeError} if the concurrency is no whole number of at least 1
 * @throws what `onProgress` threw first, when all runs are over
 *
 * @example
 * ```ts
 * import { Command, outputAll } from "@processkit/processkit";
 *
 * const commands = ["a", "b", "c"].map((word) => new Command("echo", [word]));
 * for (const result of await outputAll(commands, { concurrency: 2 })) {
 *   console.log(result.status === "fulfilled" ? result.value.stdout : result.reason);
 * }
 * ```
 */
export async function outputAll(
  commands: Iterable<Command>,
  options: OutputAllOptions,
): Promise<PromiseSettledResult<ProcessResult<string>>[]> {
  checkOptions("outputAll: the options", options, OUTPUT_ALL_OPTIONS);
  const { concurrency, runner, onProgress } = options;
  checkWholeNumber("outputAll: concurrency", concurrency, 1);
  const all = [...commands];
  const runnerFor = (command: Command) =>
    runner ?? specOf(command).runner ?? defaultRunner();
  const results: PromiseSettledResult<ProcessResult<string>>[] = [];
  const failures: unknown[] = [];
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < all.length) {
      const index = next++;
      [results[index]] = await Promise.allSettled([
        Promise.try(() => runnerFor(all[index]).outputString(all[index])),
      ]);
      try {
        onProgress?.(++done, all.length);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(concurrency, all.length) }, work),
  );
  if (failures.length > 0) throw failures[0];
  return results;
}
