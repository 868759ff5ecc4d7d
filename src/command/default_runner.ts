import type { Pipeline } from "../pipeline/pipeline.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import { kindOf } from "./checks.ts";
import type { Command } from "./command.ts";

export type { Pipeline, ProcessRunner, RunningProcess };

// A Command's verbs need a runner, and every runner needs Command; the same holds for
// Pipeline. These slots break the circle at run time: the modules that define JobRunner
// and Pipeline fill them. The types above stay circular on purpose. Without them the
// verbs would have to be declared on an interface of their own that repeats each
// signature and each doc comment, which is more to maintain than one exception here.
let makePipeline: ((first: Command, next: Command) => Pipeline) | undefined;
let makeRunner: (() => ProcessRunner) | undefined;
let isRunner: ((value: unknown) => boolean) | undefined;
let runner: ProcessRunner | undefined;

/** Sets how the runner behind the verbs of {@linkcode Command} is made, at their first use. */
export function provideDefaultRunner(make: () => ProcessRunner): void {
  makeRunner = make;
}

/** Sets the test for a runner; the module that defines `ProcessRunner` calls it. */
export function provideRunnerTest(test: typeof isRunner): void {
  isRunner = test;
}

/**
 * Refuses a value that is no runner.
 *
 * @throws {TypeError} naming `what`
 */
export function checkRunner(what: string, value: unknown): ProcessRunner {
  if (provided(isRunner)(value)) return value as ProcessRunner;
  throw new TypeError(
    `${what}: expected a ProcessRunner, such as new JobRunner(), got ${
      kindOf(value)
    }`,
  );
}

/** Whether a value is a runner; `false` also where no module defines runners. */
export function isProcessRunner(value: unknown): boolean {
  return isRunner?.(value) === true;
}

/** The runner behind the verbs of {@linkcode Command}. */
export function defaultRunner(): ProcessRunner {
  return runner ??= provided(makeRunner)();
}

/** Says how a pipeline is made of commands. */
export function providePipeline(make: typeof makePipeline): void {
  makePipeline = make;
}

/** A pipeline of two commands. */
export function pipelineOf(first: Command, next: Command): Pipeline {
  return provided(makePipeline)(first, next);
}

function provided<T>(slot: T | undefined): T {
  if (slot !== undefined) return slot;
  throw new Error(
    "nothing can run this: import Command from the package's main module",
  );
}
