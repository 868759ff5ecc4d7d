import type { ProcessResult } from "../outcome/result.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import type { Command } from "./command.ts";

export type { Pipeline, RunningProcess };

/** What {@linkcode Command}'s own verbs need of a runner. */
export interface CommandVerbs {
  /** Runs the command and captures its output as text. */
  outputString(command: Command): Promise<ProcessResult<string>>;
  /** Runs the command and captures its stdout as bytes. */
  outputBytes(command: Command): Promise<ProcessResult<Uint8Array>>;
  /** Runs the command, which must succeed; its stdout without trailing whitespace. */
  run(command: Command): Promise<string>;
  /** Runs the command, which must succeed; the whole result. */
  checked(command: Command): Promise<ProcessResult<string>>;
  /** Runs the command; its exit code. */
  exitCode(command: Command): Promise<number>;
  /** Runs the command; whether its exit code is 0 rather than 1. */
  probe(command: Command): Promise<boolean>;
  /** Runs the command, which must succeed, and parses its stdout. */
  parse<T>(command: Command, parser: (stdout: string) => T): Promise<T>;
  /** Runs the command until a line is found, and ends it. */
  firstLine(
    command: Command,
    predicate: (line: string) => boolean,
  ): Promise<string | undefined>;
  /** Starts the command; the live process. */
  start(command: Command): Promise<RunningProcess>;
}

// A Command's verbs need a runner, and every runner needs Command, and so it is with
// pipelines: these slots are the one place where that circle is broken, and where the
// types of what the verbs return come from above. The modules that define the real
// runner and the pipeline fill them.
let makePipeline: ((first: Command, next: Command) => Pipeline) | undefined;
let makeRunner: (() => CommandVerbs) | undefined;
let runner: CommandVerbs | undefined;

/** Says how the runner behind the verbs of {@linkcode Command} is made, at their first use. */
export function provideDefaultRunner(make: () => CommandVerbs): void {
  makeRunner = make;
}

/** The runner behind the verbs of {@linkcode Command}. */
export function defaultRunner(): CommandVerbs {
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
