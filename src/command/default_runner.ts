import type { Pipeline } from "../pipeline/pipeline.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import { kindOf } from "./checks.ts";
import type { Command } from "./command.ts";

export type { Pipeline, ProcessRunner, RunningProcess };

// The verbs of Command need a runner, and every runner needs Command. The same holds for
// Pipeline. These variables break the circle at run time: the modules that define JobRunner
// and Pipeline set them when they are loaded. The types above stay circular on purpose.
// Otherwise the verbs would have to be declared by a separate interface that repeats each
// signature and each doc comment, which is more to maintain than one exception here.
let makePipeline: ((first: Command, next: Command) => Pipeline) | undefined;
let makeRunner: (() => ProcessRunner) | undefined;
let isRunner: ((value: unknown) => boolean) | undefined;
let runner: ProcessRunner | undefined;

/** Sets the function that creates the runner of {@linkcode defaultRunner}. */
export function provideDefaultRunner(make: () => ProcessRunner): void {
  makeRunner = make;
}

/** Sets the function that tests for a runner. The module that defines `ProcessRunner` calls it. */
export function provideRunnerTest(test: typeof isRunner): void {
  isRunner = test;
}

/**
 * Checks that a value is a runner, and returns it.
 *
 * @throws {TypeError} naming `label`
 */
export function checkRunner(label: string, value: unknown): ProcessRunner {
  if (provided(isRunner)(value)) return value as ProcessRunner;
  throw new TypeError(
    `${label}: expected a ProcessRunner, such as new JobRunner(), got ${
      kindOf(value)
    }`,
  );
}

/** Tests whether a value is a runner. Returns `false` if no module that defines runners is loaded. */
export function isProcessRunner(value: unknown): boolean {
  return isRunner?.(value) === true;
}

/** Returns the runner of commands without `withRunner`. It is created at the first use. */
export function defaultRunner(): ProcessRunner {
  return runner ??= provided(makeRunner)();
}

/** Sets the function that creates a pipeline. The module that defines `Pipeline` calls it. */
export function providePipeline(make: typeof makePipeline): void {
  makePipeline = make;
}

/** Creates a pipeline of two commands. */
export function pipelineOf(first: Command, next: Command): Pipeline {
  return provided(makePipeline)(first, next);
}

function provided<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new Error(
    "no runner is loaded: import Command from the main module of the package",
  );
}
