import type { Pipeline } from "../pipeline/pipeline.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import type { Command } from "./command.ts";

export type { Pipeline, RunningProcess };

// A Command's verbs need a runner, and every runner needs Command, and so it is with
// pipelines: these slots are the one place where that circle is broken, and where types
// come from above. The modules that define the real runner and the pipeline fill them.
let makePipeline: ((first: Command, next: Command) => Pipeline) | undefined;
let makeRunner: (() => ProcessRunner) | undefined;
let runner: ProcessRunner | undefined;

/** Says how the runner behind the verbs of {@linkcode Command} is made, at their first use. */
export function provideDefaultRunner(make: () => ProcessRunner): void {
  makeRunner = make;
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
