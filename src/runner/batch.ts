import { checkOptions, checkWholeNumber } from "../command/checks.ts";
import { type Command, specOf } from "../command/command.ts";
import { defaultRunner } from "../command/default_runner.ts";
import type { Outcome } from "../outcome/outcome.ts";
import type { ProcessResult } from "../outcome/result.ts";
import type { ProcessRunner } from "./process_runner.ts";
import type { RunningProcess } from "./running_process.ts";

/**
 * Waits until the first of several live processes exits. The other processes keep
 * running.
 *
 * @throws {TypeError} if `runs` is empty
 * @throws the error of `wait` of that process; see {@linkcode RunningProcess.wait}
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
 * Waits until all of several live processes have exited, and returns their outcomes in
 * the order of the processes.
 *
 * @throws the error of `wait` of the first process whose `wait` rejects, after all have
 *   exited
 *
 * @example
 * ```ts
 * import { Command, waitAll } from "@processkit/processkit";
 *
 * await using one = await new Command("true").start();
 * await using other = await new Command("false").start();
 * const [first, second] = await waitAll([one, other]);
 * console.log(first); // { kind: "exited", code: 0 }
 * console.log(second); // { kind: "exited", code: 1 }
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

/** Options of {@linkcode outputAll}. */
export interface OutputAllOptions {
  /** The maximum number of runs at a time, at least 1. */
  concurrency: number;
  /**
   * The runner for all commands.
   *
   * @default {the runner of each command, or the default runner}
   */
  runner?: ProcessRunner;
  /**
   * Called after each run with the number of finished runs and the number of commands.
   */
  onProgress?: (done: number, total: number) => void;
}

const OUTPUT_ALL_OPTIONS: Readonly<Record<keyof OutputAllOptions, true>> = {
  concurrency: true,
  runner: true,
  onProgress: true,
};

/**
 * Runs several commands, a limited number at a time, and captures their output as text.
 * The results are in the order of the commands. A run that rejects does not stop the
 * others, and a non-zero exit code does not reject.
 *
 * @throws {RangeError} if `concurrency` is not a whole number of at least 1
 * @throws the first error that `onProgress` threw, after all runs have finished
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
