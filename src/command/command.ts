import { INSPECT } from "../outcome/inspect.ts";
import { shortened } from "../outcome/message_text.ts";
import type { ProcessResult } from "../outcome/result.ts";
import {
  checkAbortSignal,
  checkArity,
  checkBoolean,
  checkFunction,
  checkMilliseconds,
  checkNoNul,
  checkOptions,
  checkVariableName,
  isIterable,
  kindOf,
  pathText,
  shownValue,
} from "./checks.ts";
import {
  checkRunner,
  defaultRunner,
  isProcessRunner,
  type Pipeline,
  pipelineOf,
  type ProcessRunner,
  type RunningProcess,
} from "./default_runner.ts";
import { describeCommand } from "./describe.ts";
import { type Invocation, invocationOf } from "./invocation.ts";
import { checkedLimits, type OutputBufferPolicy } from "./output_buffer.ts";
import type { LineMatch } from "./line_match.ts";
import { shellQuote } from "../outcome/shell_quote.ts";
import { checkSignal, type Signal } from "./signal.ts";
import {
  type CommandSpec,
  DEFAULTS,
  type LineHandler,
  type OutputFile,
  type OutputFileOptions,
  type OutputMode,
  type RetryOptions,
} from "./spec.ts";
import type { StageConnection } from "./stage_connection.ts";
import { Stdin } from "./stdin.ts";

/** Reads what only runners need to know; set by {@linkcode Command} itself. */
export let specOf: (command: Command) => CommandSpec;

/** The command, whose runs keep all of their output for a recording; set by {@linkcode Command} itself. */
export let transcribed: (
  command: Command,
  transcript: "output" | "timed",
) => Command;

/** The command with nobody who listens, no retry, no abort signal, and all of its output kept; set by {@linkcode Command} itself. */
export let withoutListeners: (command: Command) => Command;

/** The command, whose stdout goes into another stage of a pipeline; set by {@linkcode Command} itself. */
export let connectedTo: (
  command: Command,
  connection: StageConnection,
) => Command;

/**
 * A program with its arguments and everything else a run of it needs.
 *
 * A command is immutable: every method returns a new one, and none of them
 * starts anything. There is no shell between it and the child: the arguments
 * arrive as they are.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * const git = new Command("git").env("GIT_PAGER", "cat").timeout(10_000);
 * console.log(await git.args(["log", "-1", "--format=%s"]).run());
 * ```
 */
export class Command {
  static {
    specOf = (command) => {
      if (typeof command === "object" && command !== null && #spec in command) {
        return command.#spec;
      }
      throw notCommand("", command);
    };
    transcribed = (command, transcript) => command.#with({ transcript });
    withoutListeners = (command) =>
      command.#with({
        stdoutHandlers: DEFAULTS.stdoutHandlers,
        stderrHandlers: DEFAULTS.stderrHandlers,
        stdoutTees: DEFAULTS.stdoutTees,
        stderrTees: DEFAULTS.stderrTees,
        outputBuffer: DEFAULTS.outputBuffer,
        retry: null,
        cancelOn: DEFAULTS.cancelOn,
      });
    connectedTo = (command, connection) =>
      command.#with({ connection, stdout: "piped" });
  }

  #spec: CommandSpec;

  /**
   * Describes a run of `program`, with no arguments unless they are given: a name to be looked up in `PATH`, a path, or a
   * `file:` URL.
   *
   * A name is looked up in the `PATH` that the command sets, or else in the
   * caller's own, also when the child's environment is cleared. A relative path
   * is relative to the child's working directory.
   *
   * @throws {TypeError} if the program is empty, or it or an argument holds a NUL
   */
  constructor(program: string | URL, args: Arguments = []) {
    checkArity(
      "new Command",
      arguments,
      2,
      "arguments go into one array, and everything else has a method",
    );
    this.#spec = Object.freeze({
      ...DEFAULTS,
      program: pathText("the program", program),
      args: checkedArgs(args),
    });
    Object.freeze(this);
  }

  /**
   * Adds one argument.
   *
   * @throws {TypeError} if it holds a NUL
   */
  arg(value: string): Command {
    checkArity("arg", arguments, 1, "use args([…]) for several arguments");
    return this.args([value]);
  }

  /**
   * Adds arguments.
   *
   * @throws {TypeError} if one holds a NUL
   */
  args(values: Arguments): Command {
    checkArity("args", arguments, 1, "give one array of all arguments");
    return this.#with({
      args: Object.freeze([...this.#spec.args, ...checkedArgs(values)]),
    });
  }

  /**
   * Sets the working directory. One that does not exist makes the run fail with
   * a `SpawnError` that names it.
   *
   * @throws {TypeError} if it is empty, holds a NUL, or is a URL other than `file:`
   */
  cwd(directory: string | URL): Command {
    return this.#with({ cwd: pathText("the working directory", directory) });
  }

  /**
   * Sets an environment variable.
   *
   * @throws {TypeError} if the name is empty or holds `=`, or it or the value holds a NUL
   */
  env(name: string, value: string): Command;
  /**
   * Sets several environment variables.
   *
   * @throws {TypeError} if a name is empty or holds `=`, or a name or a value holds a NUL
   */
  env(variables: Record<string, string>): Command;
  env(
    nameOrVariables: string | Record<string, string>,
    value?: string,
  ): Command {
    const variables: Iterable<[string, unknown]> =
      typeof nameOrVariables === "string"
        ? [[nameOrVariables, value]]
        : Object.entries(nameOrVariables);
    const envs = new Map(this.#spec.envs);
    for (const [name, text] of variables) {
      checkVariableName(name);
      envs.set(
        name,
        checkNoNul(
          `the value of the environment variable ${name}`,
          text as string,
        ),
      );
    }
    return this.#with({ envs });
  }

  /**
   * Takes an environment variable away from the child.
   *
   * On Deno this needs `--allow-env`, since the rest has to be passed on by name.
   *
   * @throws {TypeError} if the name is empty, or holds `=` or a NUL
   */
  envRemove(name: string): Command {
    return this.#with({
      envs: new Map(this.#spec.envs).set(checkVariableName(name), null),
    });
  }

  /** Starts the child from an empty environment. Variables that this command sets stay set. */
  envClear(): Command {
    return this.#with({ envCleared: true });
  }

  /**
   * Starts the child from an empty environment with these variables of the
   * parent's, as they are when the child starts. Variables that this command sets
   * stay set; a second call adds names.
   *
   * @throws {TypeError} if a name is empty, or holds `=` or a NUL
   */
  inheritEnv(names: Iterable<string>): Command {
    const checked = Array.from(names, checkVariableName);
    const all = new Set([...this.#spec.envInherited, ...checked]);
    return this.#with({
      envCleared: true,
      envInherited: Object.freeze([...all]),
    });
  }

  /** Says what the child reads from stdin. A `ReadableStream` feeds one run only. */
  stdin(
    source: Stdin | string | Uint8Array | ReadableStream<Uint8Array>,
  ): Command {
    return this.#with({ stdin: stdinOf(source) });
  }

  /** Gives the child the caller's own stdin. */
  inheritStdin(): Command {
    return this.#with({ stdin: "inherit", keepStdinOpen: false });
  }

  /**
   * Leaves stdin open after what {@linkcode Command.stdin} gives, if anything: a
   * live process is then written to by `takeStdin()`. A verb that runs the command
   * to its end closes it at once.
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * await using process = await new Command("cat").keepStdinOpen().start();
   * const stdin = process.takeStdin()!;
   * await stdin.writeLine("hello");
   * console.log(await process.waitForLine(() => true, 5000)); // hello
   * await stdin.finish();
   * ```
   */
  keepStdinOpen(): Command {
    const { stdin } = this.#spec;
    return this.#with({
      stdin: stdin === "inherit" ? Stdin.empty() : stdin,
      keepStdinOpen: true,
    });
  }

  /**
   * Runs the child in the foreground, as a shell does: in the caller's own session
   * and process group, with its terminal and its three streams. For `git commit`,
   * `ssh`, `sudo`, an editor: prompts reach the user, and Ctrl-C and Ctrl-Z reach
   * the child (and the caller, which is in the same group).
   *
   * A stream can be captured after all by saying so afterwards:
   * `.foreground().stdout("piped")` for `fzf`.
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const commit = new Command("git", ["commit"]).foreground();
   * const main = async () => console.log("it exited with", await commit.exitCode());
   * ```
   */
  foreground(): Command {
    return this.#with({
      foreground: true,
      stdin: "inherit",
      keepStdinOpen: false,
      stdout: "inherit",
      stderr: "inherit",
    });
  }

  /**
   * Insists that what the run starts ends with the caller, even when the caller is
   * killed. That is so anyway where it can be had; with this the run is refused,
   * by an `UnsupportedError`, where it cannot (permissions, Windows, a runner
   * without containment).
   */
  killOnParentDeath(): Command {
    return this.#with({ killOnParentDeath: true });
  }

  /** Says where the child's stdout goes; `"piped"`, the default, captures it. */
  stdout(mode: OutputMode): Command {
    return this.#with({ stdout: checkedMode("stdout", mode) });
  }

  /** Says where the child's stderr goes; `"piped"`, the default, captures it. */
  stderr(mode: OutputMode): Command {
    return this.#with({ stderr: checkedMode("stderr", mode) });
  }

  /**
   * Gives the child a file for its stdout: it writes there by itself, and nothing
   * is captured. The file is made if it is not there, and emptied unless it is
   * appended to. A relative path is relative to the caller's own working directory.
   *
   * A file that cannot be opened makes the run fail with `SpawnError` before
   * anything is started. The same file for stderr is one for both, opened as it is said here.
   *
   * @throws {TypeError} if the path is empty, holds a NUL, or is no `file:` URL
   */
  stdoutFile(path: string | URL, options: OutputFileOptions = {}): Command {
    return this.#with({ stdout: outputFile("stdout", path, options) });
  }

  /** Gives the child a file for its stderr; see {@linkcode Command.stdoutFile}. */
  stderrFile(path: string | URL, options: OutputFileOptions = {}): Command {
    return this.#with({ stderr: outputFile("stderr", path, options) });
  }

  /**
   * Writes the text of stdout to `sink` as well, as it comes. Each write is awaited
   * before more is read; the sink stays open, and several streams and runs can have
   * the same. One that fails is written to no more, the run goes on, and the error is in
   * `handlerErrors()`. A second call adds a sink.
   *
   * @throws {TypeError} if `sink` is no `WritableStream`
   */
  stdoutTee(sink: WritableStream<string>): Command {
    return this.#with({
      stdoutTees: withSink("stdoutTee", this.#spec.stdoutTees, sink),
    });
  }

  /** Writes the text of stderr to `sink` as well; see {@linkcode Command.stdoutTee}. */
  stderrTee(sink: WritableStream<string>): Command {
    return this.#with({
      stderrTees: withSink("stderrTee", this.#spec.stderrTees, sink),
    });
  }

  /**
   * Adds a handler that is called for every line of stdout, in order.
   *
   * A promise it returns is awaited before the next line is read. If it throws or
   * rejects it is called no more, the run goes on, and the error is in
   * `handlerErrors()`.
   */
  onStdoutLine(handler: LineHandler): Command {
    return this.#with({
      stdoutHandlers: Object.freeze([
        ...this.#spec.stdoutHandlers,
        checkFunction("onStdoutLine", handler),
      ]),
    });
  }

  /** Adds a handler that is called for every line of stderr, in order; see {@linkcode Command.onStdoutLine}. */
  onStderrLine(handler: LineHandler): Command {
    return this.#with({
      stderrHandlers: Object.freeze([
        ...this.#spec.stderrHandlers,
        checkFunction("onStderrLine", handler),
      ]),
    });
  }

  /**
   * Says how the child's output becomes text: a label that `TextDecoder` knows.
   * The default is `"utf-8"`. What cannot be decoded becomes U+FFFD.
   *
   * @throws {RangeError} if the label is unknown
   */
  encoding(label: string): Command {
    return this.#with({ encoding: new TextDecoder(label).encoding });
  }

  /** Says what ends a line for line handlers: `"\n"` (the default), or with `"cr"` a bare `"\r"` too. */
  lineTerminator(kind: "lf" | "cr"): Command {
    if (kind !== "lf" && kind !== "cr") {
      throw new TypeError(
        `lineTerminator: expected "lf" or "cr", got ${JSON.stringify(kind)}`,
      );
    }
    return this.#with({ lineTerminator: kind });
  }

  /**
   * Bounds how much of the output is kept: what a result holds, and what a live
   * process has printed before anybody reads it. All of it is by default.
   *
   * @throws {RangeError} if a limit is no whole number of at least 1, or `Infinity`
   * @throws {TypeError} if the overflow is unknown
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const lastLines = new Command("seq", ["1000"]).outputBuffer({ maxLines: 2 });
   * const { stdout, truncated } = await lastLines.outputString();
   * console.log(stdout); // "999\n1000"
   * console.log(truncated); // true
   * ```
   */
  outputBuffer(policy: OutputBufferPolicy): Command {
    return this.#with({ outputBuffer: checkedLimits(policy) });
  }

  /**
   * Says which exit codes count as success, instead of 0 alone.
   *
   * @throws {RangeError} if one is no 32-bit integer
   */
  okCodes(codes: Iterable<number>): Command {
    const all = [...new Set(codes)];
    for (const code of all) {
      if ((code | 0) !== code) {
        throw new RangeError(`okCodes: expected 32-bit integers, got ${code}`);
      }
    }
    return this.#with({ okCodes: Object.freeze(all) });
  }

  /**
   * Ends the run, whole group and all, when it is not over after `ms` milliseconds.
   *
   * @throws {RangeError} if `ms` is negative, not a number, or more than about 24 days
   */
  timeout(ms: number): Command {
    return this.#with({ timeout: checkMilliseconds("timeout", ms) });
  }

  /**
   * Gives a run that reached its deadline `ms` milliseconds to end by itself after
   * {@linkcode Command.timeoutSignal} before it is killed. The default is 0: it
   * is killed at once.
   *
   * @throws {RangeError} if `ms` is negative, not a number, or more than about 24 days
   */
  timeoutGrace(ms: number): Command {
    return this.#with({ timeoutGrace: checkMilliseconds("timeoutGrace", ms) });
  }

  /**
   * Says which signal starts the grace time of {@linkcode Command.timeoutGrace}; SIGTERM by default.
   *
   * @throws {TypeError} if there is no such signal
   */
  timeoutSignal(signal: Signal): Command {
    return this.#with({ timeoutSignal: checkSignal("timeoutSignal", signal) });
  }

  /**
   * Makes the verbs that demand success (`run`, `checked`, `parse`, `exitCode`,
   * `probe`) try again. A cancelled run is never tried again.
   *
   * @throws {RangeError} if `attempts` is no whole number of at least 1, or `backoff` no duration
   */
  retry(options: RetryOptions): Command {
    checkOptions("retry", options, RETRY_OPTIONS);
    const { attempts, backoff = 0, when } = options;
    if (!Number.isSafeInteger(attempts) || attempts < 1) {
      throw new RangeError(
        `retry: attempts: expected a whole number of at least 1, got ${attempts}`,
      );
    }
    if (typeof when !== "function") {
      throw new TypeError(
        `retry: when: expected a function, got ${shownValue(when)}`,
      );
    }
    return this.#with({
      retry: Object.freeze({
        attempts,
        backoff: checkMilliseconds("retry: backoff", backoff),
        when,
      }),
    });
  }

  /**
   * Ends the run, whole group and all, when the signal fires. A second call adds a signal.
   *
   * @throws {TypeError} if it is no `AbortSignal`
   */
  cancelOn(signal: AbortSignal): Command {
    return this.#with({
      cancelOn: Object.freeze([
        ...this.#spec.cancelOn,
        checkAbortSignal("cancelOn", signal),
      ]),
    });
  }

  /**
   * In a {@linkcode Pipeline}, has the chain go on as if this had succeeded, whatever
   * its exit code, and by whatever signal it ended: the `producer | head -1` case. A
   * deadline of its own, or a program that cannot be started, is no exit status.
   */
  uncheckedInPipe(): Command {
    return this.#with({ uncheckedInPipe: true });
  }

  /**
   * Makes a pipeline of this and `next`, whose stdin is this one's stdout. There is
   * no shell in it. Nothing is started.
   *
   * @throws {TypeError} if the stdout of this, or the stdin of `next`, was said to be something else
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const words = new Command("printf", ["b\\na\\nb\\n"]);
   * console.log(await words.pipe(new Command("sort")).pipe(new Command("uniq")).run()); // a, b
   * ```
   */
  pipe(next: Command): Pipeline {
    checkArity(
      "pipe",
      arguments,
      1,
      "add one stage after the other: a.pipe(b).pipe(c)",
    );
    return pipelineOf(this, next);
  }

  /**
   * Returns the command with a runner for its own verbs, in place of the default
   * `JobRunner`. A runner that is given the command, as in `runner.run(command)`, runs it
   * itself. A pipeline or a supervisor that has no runner of its own uses this one.
   *
   * @throws {TypeError} if `runner` is no `ProcessRunner`
   *
   * @example
   * ```ts
   * import { Command, Reply, ScriptedRunner } from "@processkit/processkit";
   *
   * const scripted = new ScriptedRunner().fallback(Reply.ok("2f1c\n"));
   * const head = new Command("git", ["rev-parse", "HEAD"]).withRunner(scripted);
   * console.log(await head.run()); // 2f1c
   * ```
   */
  withRunner(runner: ProcessRunner): Command {
    return this.#with({ runner: checkRunner("withRunner", runner) });
  }

  /** The program and its arguments as a POSIX shell would read them: for display only. No environment is in it. */
  commandLine(): string {
    return shellQuote([this.#spec.program, ...this.#spec.args]);
  }

  /**
   * The command in one line: its command line, working directory, names of variables and
   * limits. Values of variables are not shown.
   */
  toString(): string {
    return describeCommand(this.#spec);
  }

  /** What `console.log` prints; see {@linkcode Command.toString}. */
  [INSPECT](): string {
    return `Command { ${this} }`;
  }

  /** What a run of this would ask for, as plain data. */
  get invocation(): Invocation {
    const { program, args, cwd, envs, stdin } = this.#spec;
    return invocationOf({
      program,
      args,
      cwd,
      envs,
      hasStdin: stdin !== "inherit" && !stdin.isEmpty,
    });
  }

  /**
   * Runs this and captures its output as text. A non-zero exit, a signal and a
   * timeout are in the result.
   *
   * @throws {NotFoundError} if the program is not there
   * @throws {SpawnError} if it cannot be started
   * @throws {CancelledError} if {@linkcode Command.cancelOn}'s signal fired
   * @throws {StdinConsumedError} if its one-shot stdin source has fed a run already
   * @throws {StdinError} if its stdin source failed during the run
   * @throws {UnsupportedError} if a permission is missing for what was asked for by name
   * @throws {OutputTooLargeError} if the text is too long for one string, or {@linkcode Command.outputBuffer} makes it an error
   */
  outputString(): Promise<ProcessResult<string>> {
    return this.#verb(
      "outputString",
      arguments,
      0,
      (runner) => runner.outputString(this),
    );
  }

  /** Runs this and captures its stdout as bytes; like {@linkcode Command.outputString} otherwise. */
  outputBytes(): Promise<ProcessResult<Uint8Array>> {
    return this.#verb(
      "outputBytes",
      arguments,
      0,
      (runner) => runner.outputBytes(this),
    );
  }

  /**
   * Runs this, which must succeed, and returns its stdout without trailing whitespace.
   *
   * @throws {ExitError} if it exits with a code that is not among {@linkcode Command.okCodes}
   * @throws {SignalledError} if a signal ends it
   * @throws {TimeoutError} if it reaches its deadline
   * @throws {OutputTooLargeError} if {@linkcode Command.outputBuffer} dropped some of stdout; and what
   *   {@linkcode Command.outputString} throws
   */
  run(): Promise<string> {
    return this.#verb("run", arguments, 0, (runner) => runner.run(this));
  }

  /** Runs this, which must succeed, and returns the whole result; throws as {@linkcode Command.run} does. */
  checked(): Promise<ProcessResult<string>> {
    return this.#verb(
      "checked",
      arguments,
      0,
      (runner) => runner.checked(this),
    );
  }

  /**
   * Runs this and returns its exit code, whatever it is.
   *
   * @throws {SignalledError} if a signal ends it
   * @throws {TimeoutError} if it reaches its deadline; and what {@linkcode Command.outputString} throws
   */
  exitCode(): Promise<number> {
    return this.#verb(
      "exitCode",
      arguments,
      0,
      (runner) => runner.exitCode(this),
    );
  }

  /**
   * Runs this and tells whether its exit code is 0 (true) or 1 (false).
   *
   * @throws {ExitError} if it exits with any other code
   * @throws {SignalledError} if a signal ends it
   * @throws {TimeoutError} if it reaches its deadline; and what {@linkcode Command.outputString} throws
   */
  probe(): Promise<boolean> {
    return this.#verb("probe", arguments, 0, (runner) => runner.probe(this));
  }

  /**
   * Runs this, which must succeed, and gives its stdout, verbatim, to `parser`.
   *
   * @throws {ParseError} if the parser throws; it throws as {@linkcode Command.run} does otherwise
   */
  parse<T>(parser: (stdout: string) => T): Promise<T> {
    return this.#verb(
      "parse",
      arguments,
      1,
      (runner) => runner.parse(this, parser),
    );
  }

  /**
   * Starts this, resolves with the first line of stdout that matches, and kills the
   * process with everything it started. Resolves with `undefined` if stdout ends without
   * such a line, whatever the exit code. Never tried again.
   *
   * @param match a part of the line, a pattern, or a function that returns `true` for it
   * @throws {TimeoutError} if the deadline comes first
   * @throws {HandlerError} if a line handler threw
   * @throws {TypeError} if `match` is none of the three; and what {@linkcode Command.start} throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * console.log(await new Command("seq", ["100"]).firstLine(/^1.$/)); // 10
   * ```
   */
  firstLine(match: LineMatch): Promise<string | undefined> {
    return this.#verb(
      "firstLine",
      arguments,
      1,
      (runner) => runner.firstLine(this, match),
    );
  }

  /**
   * Starts this and hands out the process while it runs. It is never tried again.
   *
   * @throws {NotFoundError} if the program is not there
   * @throws {SpawnError} if it cannot be started
   * @throws {TimeoutError} if the deadline comes before it is
   * @throws {CancelledError} if {@linkcode Command.cancelOn}'s signal fired before it is
   * @throws {StdinConsumedError} if its one-shot stdin source has fed a run already
   * @throws {UnsupportedError} if a permission is missing for what was asked for by name
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * await using process = await new Command("seq", ["3"]).start();
   * for await (const line of process.stdoutLines()) console.log(line);
   * const { outcome } = await process.finish();
   * console.log(outcome); // { kind: "exited", code: 0 }
   * ```
   */
  start(): Promise<RunningProcess> {
    return this.#verb("start", arguments, 0, (runner) => runner.start(this));
  }

  /** Has this command's runner do what a verb asks for; rejects for arguments that the verb does not take. */
  #verb<T>(
    name: string,
    args: IArguments,
    most: number,
    action: (runner: ProcessRunner) => Promise<T>,
  ): Promise<T> {
    try {
      const first: unknown = args[0];
      checkArity(
        name,
        args,
        most,
        isProcessRunner(first)
          ? `to run the command with that runner, use runner.${name}(command) or command.withRunner(runner).${name}()`
          : "set limits and options on the command, such as command.timeout(5000)",
      );
      return action(this.#spec.runner ?? defaultRunner());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #with(changes: Partial<CommandSpec>): Command {
    const copy = new Command(this.#spec.program);
    copy.#spec = Object.freeze({ ...this.#spec, ...changes });
    return copy;
  }
}

/**
 * Arguments of a program: an array, or any other iterable of strings. One string is not
 * accepted, although it is an iterable of its characters.
 */
export type Arguments = Iterable<string> & { readonly charAt?: never };

/** Refuses what is no command: a text, or another pipeline, say. */
export function checkCommand(what: string, command: unknown): Command {
  if (command instanceof Command) return command;
  throw notCommand(`${what}: `, command);
}

function notCommand(before: string, value: unknown): TypeError {
  const kind = kindOf(value);
  const got = kind === "a Command"
    ? "one of another library, or of another copy of this one"
    : kind;
  return new TypeError(
    `${before}expected a Command, such as new Command("git", ["status"]), got ${got}`,
  );
}

function checkedArgs(values: Iterable<string>): readonly string[] {
  if (typeof values === "string") {
    const words = values.trim().split(/\s+/);
    throw new TypeError(
      `args: expected an array of arguments, got the string ${
        shownValue(values)
      }; write ${
        words.length < 10 ? shownArray(words) : '["first", "second"]'
      }, or ${shownArray([shortened(values, 100)])} for one argument`,
    );
  }
  if (!isIterable(values)) {
    throw new TypeError(
      `args: expected an array of arguments, got ${shownValue(values)}`,
    );
  }
  return Object.freeze(
    Array.from(
      values,
      (value, index) => checkNoNul(`argument ${index}`, value),
    ),
  );
}

function shownArray(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
}

const RETRY_OPTIONS: Readonly<Record<keyof RetryOptions, true>> = {
  attempts: true,
  backoff: true,
  when: true,
};

function checkedMode(stream: string, mode: OutputMode): OutputMode {
  if (mode !== "piped" && mode !== "inherit" && mode !== "null") {
    throw new TypeError(
      `${stream}: expected "piped", "inherit" or "null", got ${
        JSON.stringify(mode)
      }`,
    );
  }
  return mode;
}

function outputFile(
  stream: string,
  path: string | URL,
  options: OutputFileOptions,
): OutputFile {
  checkOptions(`${stream}File`, options, { append: true });
  const append = checkBoolean(`${stream}File: append`, options.append ?? false);
  return Object.freeze({ path: pathText(`the ${stream} file`, path), append });
}

function withSink(
  what: string,
  sinks: readonly WritableStream<string>[],
  sink: WritableStream<string>,
): readonly WritableStream<string>[] {
  if (sink instanceof WritableStream) return Object.freeze([...sinks, sink]);
  throw new TypeError(`${what}: expected a WritableStream`);
}

function stdinOf(
  source: Stdin | string | Uint8Array | ReadableStream<Uint8Array>,
): Stdin {
  if (source instanceof Stdin) return source;
  if (typeof source === "string") return Stdin.fromString(source);
  if (source instanceof Uint8Array) return Stdin.fromBytes(source);
  if (source instanceof ReadableStream) return Stdin.fromStream(source);
  throw new TypeError(
    "stdin: expected a Stdin, a string, a Uint8Array or a ReadableStream",
  );
}
