import { checkOptions } from "../command/checks.ts";
import { type Arguments, Command, specOf } from "../command/command.ts";
import { checkRunner, defaultRunner } from "../command/default_runner.ts";
import type { LineMatch } from "../command/line_match.ts";
import { INSPECT } from "../outcome/inspect.ts";
import type { ProcessResult } from "../outcome/result.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";

/** Settings for all commands of a {@linkcode CliClient}. */
export interface CliClientOptions {
  /**
   * The arguments before those of each call, such as `["-C", folder]`.
   *
   * @default {[]}
   */
  args?: Arguments;
  /**
   * The working directory.
   *
   * @default {the working directory of the caller}
   */
  cwd?: string | URL;
  /** The environment variables to set. */
  env?: Record<string, string>;
  /**
   * The timeout of each run in milliseconds.
   *
   * @default {no limit}
   */
  timeout?: number;
  /** A signal that kills the runs when it fires. */
  cancelOn?: AbortSignal;
  /**
   * The runner of the commands. Tests pass a test double.
   *
   * @default {a `JobRunner`}
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
 * Runs one program with common settings. Extend it to write a typed wrapper of a program.
 *
 * Each verb takes the arguments of a call. For a call that needs more settings, such as
 * stdin or a timeout, it takes a command from {@linkcode CliClient.command} instead.
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
   * Creates a client. Nothing is started.
   *
   * @throws {TypeError} if the program is empty, a text contains a NUL character, or the name of an option is unknown
   * @throws {RangeError} if the timeout is negative or too long for a timer
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

  /** The runner of the commands, for example to pass it to a pipeline or a supervisor. */
  get runner(): ProcessRunner {
    return this.#runner ?? defaultRunner();
  }

  /**
   * Returns the command of a call, to add settings to it.
   *
   * @throws {TypeError} if an argument contains a NUL character
   *
   * @example
   * ```ts
   * import { CliClient } from "@processkit/processkit";
   *
   * const git = new CliClient("git");
   * const hash = git.command(["hash-object", "--stdin"]).stdin("hello\n");
   * console.log(await git.run(hash)); // ce013625030ba8dba906f756967f9e9ca394464a
   * ```
   */
  command(args: Arguments = []): Command {
    return this.#command.args(args);
  }

  /** Runs a call and returns the outcome and the output as text; see {@linkcode ProcessRunner.outputString}. */
  outputString(
    call: Arguments | Command,
  ): Promise<ProcessResult<string>> {
    return this.runner.outputString(this.#commandOf(call));
  }

  /** Runs a call and returns the outcome and stdout as bytes; see {@linkcode ProcessRunner.outputBytes}. */
  outputBytes(
    call: Arguments | Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return this.runner.outputBytes(this.#commandOf(call));
  }

  /** Runs a call that must succeed, and returns its stdout without trailing whitespace; see {@linkcode ProcessRunner.run}. */
  run(call: Arguments | Command): Promise<string> {
    return this.runner.run(this.#commandOf(call));
  }

  /** Runs a call that must succeed, and returns the whole result; see {@linkcode ProcessRunner.checked}. */
  checked(call: Arguments | Command): Promise<ProcessResult<string>> {
    return this.runner.checked(this.#commandOf(call));
  }

  /** Runs a call and returns its exit code; see {@linkcode ProcessRunner.exitCode}. */
  exitCode(call: Arguments | Command): Promise<number> {
    return this.runner.exitCode(this.#commandOf(call));
  }

  /** Runs a call and returns `true` for exit code 0 and `false` for exit code 1; see {@linkcode ProcessRunner.probe}. */
  probe(call: Arguments | Command): Promise<boolean> {
    return this.runner.probe(this.#commandOf(call));
  }

  /** Runs a call that must succeed, and parses its stdout; see {@linkcode ProcessRunner.parse}. */
  parse<T>(
    call: Arguments | Command,
    parser: (stdout: string) => T,
  ): Promise<T> {
    return this.runner.parse(this.#commandOf(call), parser);
  }

  /** Starts a call, returns the first matching line of stdout, and kills the process; see {@linkcode ProcessRunner.firstLine}. */
  firstLine(
    call: Arguments | Command,
    match: LineMatch,
  ): Promise<string | undefined> {
    return this.runner.firstLine(this.#commandOf(call), match);
  }

  /** Starts a call and returns the process while it runs; see {@linkcode ProcessRunner.start}. */
  start(call: Arguments | Command): Promise<RunningProcess> {
    return this.runner.start(this.#commandOf(call));
  }

  /** Returns one line: the command to which each call adds its arguments. */
  toString(): string {
    return String(this.#command);
  }

  /** Returns what `console.log` prints; see {@linkcode CliClient.toString}. */
  [INSPECT](): string {
    return `${this.constructor.name} { ${this} }`;
  }

  #commandOf(call: Arguments | Command): Command {
    return call instanceof Command ? call : this.command(call);
  }
}
