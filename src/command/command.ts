import { INSPECT } from "../outcome/inspect.ts";
import { shortened } from "../outcome/message_text.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { shellQuote } from "../outcome/shell_quote.ts";
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
import type { LineMatch } from "./line_match.ts";
import { checkedLimits, type OutputBufferPolicy } from "./output_buffer.ts";
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

// The following functions need private fields of Command. Its static block assigns them.

/**
 * Returns the fields of a command as plain data.
 *
 * @throws {TypeError} if `command` is not a command
 */
export let specOf: (command: Command) => CommandSpec;

/** Returns the command with a transcript: its runs keep all output for a recording. */
export let withTranscript: (
  command: Command,
  transcript: "output" | "timed",
) => Command;

/** Returns the command without handlers, tees, retry and abort signals, and with an unlimited output buffer. */
export let withoutListeners: (command: Command) => Command;

/** Returns the command with its stdout connected to the next stage of a pipeline. */
export let withConnection: (
  command: Command,
  connection: StageConnection,
) => Command;

/**
 * Describes a program to run: its arguments, environment, input, output and limits.
 *
 * A command is immutable. The methods that configure it return a new command. Nothing is
 * started until a verb is called: `run`, `checked`, `parse`, `exitCode`, `probe`,
 * `firstLine`, `outputString`, `outputBytes` or `start`.
 *
 * The program is started without a shell. It receives each argument unchanged.
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
      throw notCommandError("", command);
    };
    withTranscript = (command, transcript) => command.#with({ transcript });
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
    withConnection = (command, connection) =>
      command.#with({ connection, stdout: "piped" });
  }

  #spec: CommandSpec;

  /**
   * Creates a command. `program` is a name, a path or a `file:` URL.
   *
   * A name is looked up in the `PATH` that the command sets. If the command sets none, it
   * is looked up in the `PATH` of the caller, even if the child's environment is cleared.
   * A relative path is relative to the child's working directory.
   *
   * @param args the arguments; none by default
   * @throws {TypeError} if the program is empty, or if the program or an argument contains a NUL character
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
   * @throws {TypeError} if it contains a NUL character
   */
  arg(value: string): Command {
    checkArity("arg", arguments, 1, "use args([…]) for several arguments");
    return this.args([value]);
  }

  /**
   * Adds arguments.
   *
   * @throws {TypeError} if one contains a NUL character, or if `values` is a single string
   */
  args(values: Arguments): Command {
    checkArity("args", arguments, 1, "give one array of all arguments");
    return this.#with({
      args: Object.freeze([...this.#spec.args, ...checkedArgs(values)]),
    });
  }

  /**
   * Sets the working directory of the child. If the directory does not exist, the run
   * rejects with a `SpawnError` that names it.
   *
   * @default {the working directory of the caller}
   * @throws {TypeError} if it is empty, contains a NUL character, or is a URL other than `file:`
   */
  cwd(directory: string | URL): Command {
    return this.#with({ cwd: pathText("the working directory", directory) });
  }

  /**
   * Sets an environment variable.
   *
   * @throws {TypeError} if the name is empty or contains `=`, or if the name or the value contains a NUL character
   */
  env(name: string, value: string): Command;
  /**
   * Sets several environment variables.
   *
   * @throws {TypeError} if a name is empty or contains `=`, or if a name or a value contains a NUL character
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
   * Removes an environment variable from the environment that the child inherits.
   *
   * On Deno this needs `--allow-env` without a list of names: the library has to read all
   * variables to pass the others on.
   *
   * @throws {TypeError} if the name is empty, or contains `=` or a NUL character
   */
  envRemove(name: string): Command {
    return this.#with({
      envs: new Map(this.#spec.envs).set(checkVariableName(name), null),
    });
  }

  /** Starts the child with an empty environment. Variables that this command sets stay set. */
  envClear(): Command {
    return this.#with({ envCleared: true });
  }

  /**
   * Starts the child with an empty environment and these variables of the caller. Their
   * values are read when the child starts. Variables that this command sets stay set. A
   * second call adds names.
   *
   * On Deno this needs `--allow-env` for these names.
   *
   * @throws {TypeError} if a name is empty, or contains `=` or a NUL character
   */
  inheritEnv(names: Iterable<string>): Command {
    const checked = Array.from(names, checkVariableName);
    const all = new Set([...this.#spec.envInherited, ...checked]);
    return this.#with({
      envCleared: true,
      envInherited: Object.freeze([...all]),
    });
  }

  /**
   * Sets what the child reads from stdin. A string is sent as UTF-8. A `ReadableStream` can
   * be used for one run only; see {@linkcode Stdin}.
   *
   * @default {no input}
   * @throws {TypeError} if `source` is none of these types
   */
  stdin(
    source: Stdin | string | Uint8Array | ReadableStream<Uint8Array>,
  ): Command {
    return this.#with({ stdin: stdinOf(source) });
  }

  /** Lets the child inherit the stdin of the caller. */
  inheritStdin(): Command {
    return this.#with({ stdin: "inherit", keepStdinOpen: false });
  }

  /**
   * Keeps stdin open after the input of {@linkcode Command.stdin}, so that the caller can
   * write more to a live process by `takeStdin()`. The verbs that wait for the run close
   * stdin after that input.
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * await using cat = await new Command("cat").keepStdinOpen().start();
   * const stdin = cat.takeStdin()!;
   * await stdin.writeLine("hello");
   * console.log(await cat.waitForLine("hello")); // hello
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
   * Runs the child in the foreground, as a shell does: in the session and the process group
   * of the caller, with its terminal and its three streams. Use it for interactive programs
   * such as `git commit`, `ssh`, `sudo` or an editor. Prompts reach the user. Ctrl-C and
   * Ctrl-Z reach the child, and also the caller, which is in the same group.
   *
   * To capture a stream, set it after this call: `.foreground().stdout("piped")` captures the
   * selection of `fzf`.
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const commit = new Command("git", ["commit"]).foreground();
   * const editAndCommit = async () => await commit.exitCode() === 0;
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
   * Requires that everything the run starts is killed when the calling program ends, even
   * if that program is killed.
   *
   * The library does this by default wherever it can. With this option, a run rejects with
   * an `UnsupportedError` where it cannot: on Windows, with a runner without containment,
   * and without the permissions that it needs.
   */
  killOnParentDeath(): Command {
    return this.#with({ killOnParentDeath: true });
  }

  /**
   * Sets where the child's stdout goes: `"piped"` captures it, `"inherit"` sends it to the
   * stdout of the caller, and `"null"` discards it.
   *
   * @default {"piped"}
   * @throws {TypeError} if `mode` is none of these
   */
  stdout(mode: OutputMode): Command {
    return this.#with({ stdout: checkedMode("stdout", mode) });
  }

  /**
   * Sets where the child's stderr goes; see {@linkcode Command.stdout}.
   *
   * @default {"piped"}
   * @throws {TypeError} if `mode` is none of these
   */
  stderr(mode: OutputMode): Command {
    return this.#with({ stderr: checkedMode("stderr", mode) });
  }

  /**
   * Sends the child's stdout to a file. The child writes to the file directly, and nothing is
   * captured. The file is created if it does not exist, and truncated unless `append` is set.
   * A relative path is relative to the working directory of the caller.
   *
   * If the file cannot be opened, the run rejects with a `SpawnError`, and nothing is started.
   * If stdout and stderr go to the same file, it is opened once, with the options of
   * `stdoutFile`.
   *
   * @throws {TypeError} if the path is empty, contains a NUL character, or is a URL other than `file:`
   */
  stdoutFile(path: string | URL, options: OutputFileOptions = {}): Command {
    return this.#with({ stdout: outputFile("stdout", path, options) });
  }

  /** Sends the child's stderr to a file; see {@linkcode Command.stdoutFile}. */
  stderrFile(path: string | URL, options: OutputFileOptions = {}): Command {
    return this.#with({ stderr: outputFile("stderr", path, options) });
  }

  /**
   * Copies the text of stdout to `sink` while the child runs. Each write is awaited before
   * more output is read. The sink is not closed at the end of the run, and several streams
   * and runs can share it. A second call adds a sink.
   *
   * If a write fails, the sink receives nothing more, the run continues, and the error is in
   * `handlerErrors()`.
   *
   * @throws {TypeError} if `sink` is not a `WritableStream`
   */
  stdoutTee(sink: WritableStream<string>): Command {
    return this.#with({
      stdoutTees: withSink("stdoutTee", this.#spec.stdoutTees, sink),
    });
  }

  /** Copies the text of stderr to `sink` while the child runs; see {@linkcode Command.stdoutTee}. */
  stderrTee(sink: WritableStream<string>): Command {
    return this.#with({
      stderrTees: withSink("stderrTee", this.#spec.stderrTees, sink),
    });
  }

  /**
   * Calls `handler` for every line of stdout, in order, while the child runs. A second call
   * adds a handler.
   *
   * If the handler returns a promise, the next line waits for it. If the handler throws or
   * rejects, it is not called again, and the run continues. The error is then in
   * `handlerErrors()`; a verb that returns a value instead of a result, such as `run`, rejects
   * with a `HandlerError` at the end of the run.
   *
   * @throws {TypeError} if `handler` is not a function
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const lines: string[] = [];
   * await new Command("seq", ["3"]).onStdoutLine((line) => void lines.push(line)).run();
   * console.log(lines.join(" ")); // 1 2 3
   * ```
   */
  onStdoutLine(handler: LineHandler): Command {
    return this.#with({
      stdoutHandlers: Object.freeze([
        ...this.#spec.stdoutHandlers,
        checkFunction("onStdoutLine", handler),
      ]),
    });
  }

  /** Calls `handler` for every line of stderr, in order; see {@linkcode Command.onStdoutLine}. */
  onStderrLine(handler: LineHandler): Command {
    return this.#with({
      stderrHandlers: Object.freeze([
        ...this.#spec.stderrHandlers,
        checkFunction("onStderrLine", handler),
      ]),
    });
  }

  /**
   * Sets the encoding of the child's output, as a label of `TextDecoder`. Bytes that are
   * invalid in this encoding become U+FFFD.
   *
   * @default {"utf-8"}
   * @throws {RangeError} if the label is unknown
   */
  encoding(label: string): Command {
    return this.#with({ encoding: new TextDecoder(label).encoding });
  }

  /**
   * Sets what ends a line of output. With `"lf"` it is `"\n"` or `"\r\n"`. With `"cr"` it is
   * also a bare `"\r"`, by which progress bars redraw a line.
   *
   * @default {"lf"}
   * @throws {TypeError} if `kind` is neither `"lf"` nor `"cr"`
   */
  lineTerminator(kind: "lf" | "cr"): Command {
    if (kind !== "lf" && kind !== "cr") {
      throw new TypeError(
        `lineTerminator: expected "lf" or "cr", got ${JSON.stringify(kind)}`,
      );
    }
    return this.#with({ lineTerminator: kind });
  }

  /**
   * Limits how much of the output is kept: in a result, and for a live process until a
   * consumer reads it. By default all output is kept.
   *
   * @throws {RangeError} if a limit is neither a whole number of at least 1 nor `Infinity`
   * @throws {TypeError} if `overflow` or the name of an option is unknown
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
   * Sets the exit codes that count as success.
   *
   * @default {[0]}
   * @throws {RangeError} if a code is not a 32-bit integer
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
   * Limits the duration of a run to `ms` milliseconds. At this deadline, the child and
   * everything it started are killed, or first sent {@linkcode Command.timeoutSignal} if
   * {@linkcode Command.timeoutGrace} is set. The outcome of the run is then `"timed-out"`.
   *
   * @default {no limit}
   * @throws {RangeError} if `ms` is negative, not a number, or more than 2,147,483,647 (about 24 days)
   */
  timeout(ms: number): Command {
    return this.#with({ timeout: checkMilliseconds("timeout", ms) });
  }

  /**
   * Sets how long a run may continue after its deadline, in milliseconds. At the deadline
   * {@linkcode Command.timeoutSignal} is sent; after the grace, SIGKILL. With 0, SIGKILL is
   * sent at the deadline.
   *
   * @default {0}
   * @throws {RangeError} if `ms` is negative, not a number, or more than 2,147,483,647 (about 24 days)
   */
  timeoutGrace(ms: number): Command {
    return this.#with({ timeoutGrace: checkMilliseconds("timeoutGrace", ms) });
  }

  /**
   * Sets the signal that is sent at the deadline, if {@linkcode Command.timeoutGrace} is set.
   *
   * @default {"SIGTERM"}
   * @throws {TypeError} if the name of the signal is unknown
   */
  timeoutSignal(signal: Signal): Command {
    return this.#with({ timeoutSignal: checkSignal("timeoutSignal", signal) });
  }

  /**
   * Repeats a run that fails, in the verbs `run`, `checked`, `parse`, `exitCode` and `probe`.
   * A run that was cancelled, or that failed with a `HandlerError`, is not repeated.
   *
   * @throws {RangeError} if `attempts` is not a whole number of at least 1, or `backoff` is negative or too long for a timer
   * @throws {TypeError} if `when` is not a function, or the name of an option is unknown
   *
   * @example
   * ```ts
   * import { Command, ExitError } from "@processkit/processkit";
   *
   * const fetch = new Command("git", ["fetch"]).retry({
   *   attempts: 3,
   *   backoff: 1000,
   *   when: (error) => error instanceof ExitError,
   * });
   * console.log(String(fetch)); // git fetch (up to 3 attempts)
   * ```
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
   * Kills the child and everything it started when `signal` fires. The verb then rejects with
   * a `CancelledError`. A second call adds a signal.
   *
   * @throws {TypeError} if `signal` is not an `AbortSignal`
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
   * Ignores the exit status of this command as a stage of a {@linkcode Pipeline}: any exit
   * code or signal counts as success. Use it for a producer whose consumer stops reading
   * early, as in `producer | head -1`. A timeout of this command, or a program that cannot
   * be started, is still a failure.
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const first = new Command("yes").uncheckedInPipe().pipe(new Command("head", ["-1"]));
   * console.log(await first.run()); // y
   * ```
   */
  uncheckedInPipe(): Command {
    return this.#with({ uncheckedInPipe: true });
  }

  /**
   * Creates a pipeline in which `next` reads the stdout of this command. The pipeline needs
   * no shell. Nothing is started.
   *
   * @throws {TypeError} if the stdout of this command is not captured, `next` has its own stdin, or the two have different runners
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const words = new Command("printf", ["b\\na\\nb\\n"]);
   * console.log(await words.pipe(new Command("sort")).pipe(new Command("uniq")).run()); // "a\nb"
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
   * Sets the runner of this command's own verbs. A pipeline or a supervisor without a runner
   * uses it too. `runner.run(command)` ignores it: that runner runs the command.
   *
   * @default {a `JobRunner`}
   * @throws {TypeError} if `runner` is not a `ProcessRunner`
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

  /** Returns the program and its arguments, quoted for a POSIX shell. For display only. */
  commandLine(): string {
    return shellQuote([this.#spec.program, ...this.#spec.args]);
  }

  /**
   * Returns one line: the command line, the working directory, the names of variables and the
   * limits. The values of variables are not shown.
   */
  toString(): string {
    return describeCommand(this.#spec);
  }

  /** Returns what `console.log` prints; see {@linkcode Command.toString}. */
  [INSPECT](): string {
    return `Command { ${this} }`;
  }

  /** The program, arguments, working directory and variables of this command, as plain data. */
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
   * Runs the command and returns the outcome and the output as text. A non-zero exit code, a
   * signal and a timeout do not throw: they are in the result.
   *
   * @throws {NotFoundError} if the program does not exist
   * @throws {SpawnError} if the program cannot be started
   * @throws {CancelledError} if a signal of {@linkcode Command.cancelOn} fired
   * @throws {StdinConsumedError} if the one-shot stdin source was used before
   * @throws {StdinError} if the stdin source failed during the run
   * @throws {UnsupportedError} if an option needs a permission that is missing, or is not available on this host
   * @throws {OutputTooLargeError} if the output is longer than one string can be, or exceeds an {@linkcode Command.outputBuffer} whose `overflow` is `"error"`
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const result = await new Command("git", ["rev-parse", "no-such-branch"]).outputString();
   * console.log(result.code, result.success); // 128 false
   * ```
   */
  outputString(): Promise<ProcessResult<string>> {
    return this.#runVerb(
      "outputString",
      arguments,
      0,
      (runner) => runner.outputString(this),
    );
  }

  /**
   * Runs the command and returns the outcome, stdout as bytes and stderr as text. Otherwise
   * like {@linkcode Command.outputString}.
   */
  outputBytes(): Promise<ProcessResult<Uint8Array>> {
    return this.#runVerb(
      "outputBytes",
      arguments,
      0,
      (runner) => runner.outputBytes(this),
    );
  }

  /**
   * Runs the command and returns its stdout without trailing whitespace. Throws unless the
   * run succeeds.
   *
   * @throws {ExitError} if the exit code is not among {@linkcode Command.okCodes}
   * @throws {SignalledError} if the run is killed by a signal
   * @throws {TimeoutError} if the run reaches its deadline
   * @throws {HandlerError} if a line handler threw
   * @throws {OutputTooLargeError} if {@linkcode Command.outputBuffer} dropped some of stdout
   * @throws what {@linkcode Command.outputString} throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * console.log(await new Command("echo", ["hello"]).run()); // hello
   * ```
   */
  run(): Promise<string> {
    return this.#runVerb("run", arguments, 0, (runner) => runner.run(this));
  }

  /**
   * Runs the command and returns the whole result. Throws unless the run succeeds, as
   * {@linkcode Command.run} does. Output that {@linkcode Command.outputBuffer} dropped is not
   * an error here.
   */
  checked(): Promise<ProcessResult<string>> {
    return this.#runVerb(
      "checked",
      arguments,
      0,
      (runner) => runner.checked(this),
    );
  }

  /**
   * Runs the command and returns its exit code, whatever it is.
   *
   * @throws {SignalledError} if the run is killed by a signal
   * @throws {TimeoutError} if the run reaches its deadline
   * @throws {HandlerError} if a line handler threw
   * @throws what {@linkcode Command.outputString} throws
   */
  exitCode(): Promise<number> {
    return this.#runVerb(
      "exitCode",
      arguments,
      0,
      (runner) => runner.exitCode(this),
    );
  }

  /**
   * Runs the command and returns `true` for exit code 0 and `false` for exit code 1, as
   * `grep -q` and `test` use them. {@linkcode Command.okCodes} is ignored.
   *
   * @throws {ExitError} if the exit code is neither 0 nor 1
   * @throws {SignalledError} if the run is killed by a signal
   * @throws {TimeoutError} if the run reaches its deadline
   * @throws {HandlerError} if a line handler threw
   * @throws what {@linkcode Command.outputString} throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * console.log(await new Command("test", ["-d", "/etc"]).probe()); // true
   * ```
   */
  probe(): Promise<boolean> {
    return this.#runVerb("probe", arguments, 0, (runner) => runner.probe(this));
  }

  /**
   * Runs the command, passes its unchanged stdout to `parser`, and returns what the parser
   * returns. Throws unless the run succeeds.
   *
   * @throws {ParseError} if the parser throws or rejects
   * @throws what {@linkcode Command.run} throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const packageFile = new Command("printf", ['{"name": "demo"}']);
   * const { name } = await packageFile.parse(JSON.parse);
   * console.log(name); // demo
   * ```
   */
  parse<T>(parser: (stdout: string) => T): Promise<T> {
    return this.#runVerb(
      "parse",
      arguments,
      1,
      (runner) => runner.parse(this, parser),
    );
  }

  /**
   * Starts the command, resolves with the first line of stdout that matches, and kills the
   * process and everything it started. Resolves with `undefined` if stdout ends without such
   * a line, whatever the exit code. {@linkcode Command.retry} does not apply.
   *
   * @param match a text that the line contains, a pattern, or a function that returns `true` for the line
   * @throws {TimeoutError} if the run reaches its deadline before a line matches
   * @throws {HandlerError} if a line handler threw
   * @throws {TypeError} if `match` is none of the three
   * @throws what {@linkcode Command.start} throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * console.log(await new Command("seq", ["100"]).firstLine(/^1.$/)); // 10
   * ```
   */
  firstLine(match: LineMatch): Promise<string | undefined> {
    return this.#runVerb(
      "firstLine",
      arguments,
      1,
      (runner) => runner.firstLine(this, match),
    );
  }

  /**
   * Starts the command and returns the process while it runs. Disposing the process kills it.
   * {@linkcode Command.retry} does not apply.
   *
   * @throws {NotFoundError} if the program does not exist
   * @throws {SpawnError} if the program cannot be started
   * @throws {TimeoutError} if the deadline passes before the program is started
   * @throws {CancelledError} if a signal of {@linkcode Command.cancelOn} fires before the program is started
   * @throws {StdinConsumedError} if the one-shot stdin source was used before
   * @throws {UnsupportedError} if an option needs a permission that is missing, or is not available on this host
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * await using counter = await new Command("seq", ["3"]).start();
   * for await (const line of counter.stdoutLines()) console.log(line);
   * const { outcome } = await counter.finish();
   * console.log(outcome); // { kind: "exited", code: 0 }
   * ```
   */
  start(): Promise<RunningProcess> {
    return this.#runVerb("start", arguments, 0, (runner) => runner.start(this));
  }

  /** Runs a verb by this command's runner. Rejects if the verb was called with extra arguments. */
  #runVerb<T>(
    name: string,
    args: IArguments,
    maxArguments: number,
    action: (runner: ProcessRunner) => Promise<T>,
  ): Promise<T> {
    try {
      const first: unknown = args[0];
      checkArity(
        name,
        args,
        maxArguments,
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
 * Arguments of a program: an array or another iterable of strings. A single string is
 * not accepted, although it is an iterable of its characters.
 */
export type Arguments = Iterable<string> & { readonly charAt?: never };

/**
 * Checks that a value is a command, and returns it.
 *
 * @throws {TypeError} naming `label`
 */
export function checkCommand(label: string, command: unknown): Command {
  if (command instanceof Command) return command;
  throw notCommandError(`${label}: `, command);
}

function notCommandError(prefix: string, value: unknown): TypeError {
  const kind = kindOf(value);
  const got = kind === "a Command"
    ? "a Command of another library, or of another copy of this one"
    : kind;
  return new TypeError(
    `${prefix}expected a Command, such as new Command("git", ["status"]), got ${got}`,
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
  method: string,
  sinks: readonly WritableStream<string>[],
  sink: WritableStream<string>,
): readonly WritableStream<string>[] {
  if (sink instanceof WritableStream) return Object.freeze([...sinks, sink]);
  throw new TypeError(
    `${method}: expected a WritableStream, got ${kindOf(sink)}`,
  );
}

function stdinOf(
  source: Stdin | string | Uint8Array | ReadableStream<Uint8Array>,
): Stdin {
  if (source instanceof Stdin) return source;
  if (typeof source === "string") return Stdin.fromString(source);
  if (source instanceof Uint8Array) return Stdin.fromBytes(source);
  if (source instanceof ReadableStream) return Stdin.fromStream(source);
  throw new TypeError(
    `stdin: expected a Stdin, a string, a Uint8Array or a ReadableStream, got ${
      kindOf(source)
    }`,
  );
}
