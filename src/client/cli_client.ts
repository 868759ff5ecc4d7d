import { INSPECT } from "../outcome/inspect.ts";
import { checkOptions } from "../command/checks.ts";
import { type Arguments, Command, specOf } from "../command/command.ts";
import { checkRunner, defaultRunner } from "../command/default_runner.ts";
import type { LineMatch } from "../command/line_match.ts";
import type { ProcessResult } from "../outcome/result.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";

/** What all commands of a {@linkcode CliClient} have in common. */
export interface CliClientOptions {
  /** The arguments that come before those of each call, such as `["-C", folder]`. */
  args?: Arguments;
  /** The working directory; the caller's own if it is left out. */
  cwd?: string | URL;
  /** Environment variables that are set. */
  env?: Record<string, string>;
  /** The deadline of each run, in milliseconds. */
  timeout?: number;
  /** Ends every run when it fires. */
  cancelOn?: AbortSignal;
  /**
   * What runs them: another one in tests.
   *
   * @default {the runner behind a command's own verbs}
   */
  runner?: ProcessRunner;
}

const CLIENT_OPTIONS: Readonly<Record<keyof CliClientOptions, true>> = {
  args: true,
  cwd: true,
  env: true,
  timeout: true,
  cancelOn: true,
  runner: true,
};

/**
 * One program, with what all its runs have in common: the base of a typed wrapper.
 *
 * Each verb takes the arguments of a call, or a command that {@linkcode CliClient.command}
 * made of them and that says more: its stdin, a deadline of its own.
 *
 * @example
 * ```ts
 * import { CliClient, type CliClientOptions } from "@processkit/processkit";
 *
 * class Git extends CliClient {
 *   constructor(options: CliClientOptions = {}) {
 *     super("git", { timeout: 10_000, ...options });
 *   }
 *   head(): Promise<string> {
 *     return this.run(["rev-parse", "HEAD"]);
 *   }
 * }
 * console.log(await new Git().head());
 * ```
 */
export class CliClient {
  readonly #command: Command;
  readonly #runner: ProcessRunner | undefined;

  /**
   * Describes the client; nothing is started.
   *
   * @throws {TypeError} if the program is empty, or something holds a NUL that a command does not take
   * @throws {RangeError} if the deadline is no duration
   */
  constructor(program: string | URL, options: CliClientOptions = {}) {
    checkOptions("CliClient: the options", options, CLIENT_OPTIONS);
    const { args, cwd, env, timeout, cancelOn, runner } = options;
    let command = new Command(program, args);
    if (cwd !== undefined) command = command.cwd(cwd);
    if (env !== undefined) command = command.env(env);
    if (timeout !== undefined) command = command.timeout(timeout);
    if (cancelOn !== undefined) command = command.cancelOn(cancelOn);
    this.#command = command;
    this.#runner = runner === undefined
      ? undefined
      : checkRunner("CliClient: runner", runner);
  }

  /** The program. */
  get program(): string {
    return specOf(this.#command).program;
  }

  /** What runs the commands: for a pipeline or a supervisor of one. */
  get runner(): ProcessRunner {
    return this.#runner ?? defaultRunner();
  }

  /**
   * The command of a call, to say more of it.
   *
   * @throws {TypeError} if an argument holds a NUL
   */
  command(args: Arguments = []): Command {
    return this.#command.args(args);
  }

  /** Captures its output as text; see {@linkcode ProcessRunner.outputString}. */
  outputString(
    call: Arguments | Command,
  ): Promise<ProcessResult<string>> {
    return this.runner.outputString(this.#of(call));
  }

  /** Captures its stdout as bytes; see {@linkcode ProcessRunner.outputBytes}. */
  outputBytes(
    call: Arguments | Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return this.runner.outputBytes(this.#of(call));
  }

  /** Has it succeed, and returns its stdout without trailing whitespace; see {@linkcode ProcessRunner.run}. */
  run(call: Arguments | Command): Promise<string> {
    return this.runner.run(this.#of(call));
  }

  /** Has it succeed, and returns the whole result; see {@linkcode ProcessRunner.checked}. */
  checked(call: Arguments | Command): Promise<ProcessResult<string>> {
    return this.runner.checked(this.#of(call));
  }

  /** Returns its exit code; see {@linkcode ProcessRunner.exitCode}. */
  exitCode(call: Arguments | Command): Promise<number> {
    return this.runner.exitCode(this.#of(call));
  }

  /** Tells whether its exit code is 0 rather than 1; see {@linkcode ProcessRunner.probe}. */
  probe(call: Arguments | Command): Promise<boolean> {
    return this.runner.probe(this.#of(call));
  }

  /** Has it succeed, and parses its stdout; see {@linkcode ProcessRunner.parse}. */
  parse<T>(
    call: Arguments | Command,
    parser: (stdout: string) => T,
  ): Promise<T> {
    return this.runner.parse(this.#of(call), parser);
  }

  /** Runs it until a line is found; see {@linkcode ProcessRunner.firstLine}. */
  firstLine(
    call: Arguments | Command,
    match: LineMatch,
  ): Promise<string | undefined> {
    return this.runner.firstLine(this.#of(call), match);
  }

  /** Starts it, and hands out the process; see {@linkcode ProcessRunner.start}. */
  start(call: Arguments | Command): Promise<RunningProcess> {
    return this.runner.start(this.#of(call));
  }

  /** The command that each call adds its arguments to, in one line. */
  toString(): string {
    return String(this.#command);
  }

  /** What `console.log` prints; see {@linkcode CliClient.toString}. */
  [INSPECT](): string {
    return `${this.constructor.name} { ${this} }`;
  }

  #of(call: Arguments | Command): Command {
    return call instanceof Command ? call : this.command(call);
  }
}
