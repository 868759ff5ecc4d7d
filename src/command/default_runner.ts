import type { ProcessResult } from "../outcome/result.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import type { Command } from "./command.ts";

export type { RunningProcess };

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

// A Command's verbs need a runner, and every runner needs Command: this slot is
// the one place where that circle is broken, and where the type of what they
// return comes from above. The module that defines the real runner fills it.
let makeRunner: (() => CommandVerbs) | undefined;
let runner: CommandVerbs | undefined;

/** Says how the runner behind the verbs of {@linkcode Command} is made, at their first use. */
export function provideDefaultRunner(make: () => CommandVerbs): void {
  makeRunner = make;
}

/** The runner behind the verbs of {@linkcode Command}. */
export function defaultRunner(): CommandVerbs {
  if (makeRunner === undefined) {
    throw new Error(
      "no default runner: import Command from the package's main module",
    );
  }
  return runner ??= makeRunner();
}
