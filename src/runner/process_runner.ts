import { checkArity } from "../command/checks.ts";
import { type Command, specOf } from "../command/command.ts";
import { provideRunnerTest } from "../command/default_runner.ts";
import { type LineMatch, lineTest } from "../command/line_match.ts";
import {
  CancelledError,
  StdinConsumedError,
  UnsupportedError,
} from "../outcome/errors.ts";
import { INSPECT } from "../outcome/inspect.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { HandlerError, TimeoutError } from "../outcome/run_errors.ts";
import {
  checkedOf,
  exitCodeOf,
  parsedOf,
  probeAnswerOf,
  throwFirst,
  untruncatedOf,
} from "./result_verbs.ts";
import { throwIfCancelled } from "./run_limits.ts";
import { type RunningProcess, runOf } from "./running_process.ts";
import { sleep } from "./sleep.ts";

/**
 * Reads `waitsBetweenRuns` of a runner, for a supervisor. Set by
 * {@linkcode ProcessRunner}, since the property is protected.
 */
export let waitsBetweenRuns: (runner: ProcessRunner) => boolean;

/**
 * Runs commands, and captures or streams their output. Depending on the runner, a run
 * is live, scripted or replayed; the methods are the same.
 *
 * To write a runner, implement {@linkcode ProcessRunner.outputString}.
 *
 * @example
 * ```ts
 * import { Command, JobRunner, type ProcessRunner } from "@processkit/processkit";
 *
 * function head(runner: ProcessRunner): Promise<string> {
 *   return runner.run(new Command("git", ["rev-parse", "HEAD"]));
 * }
 * console.log(await head(new JobRunner()));
 * ```
 */
export abstract class ProcessRunner {
  static {
    waitsBetweenRuns = (runner) => runner.waitsBetweenRuns;
  }

  /**
   * Runs the command and captures its output as text. A non-zero exit code, a signal or
   * a timeout does not reject; the result describes it. `retry` does not apply.
   *
   * @throws {NotFoundError} if the program does not exist
   * @throws {SpawnError} if the program cannot be started
   * @throws {CancelledError} if an abort signal of the command fires
   * @throws {StdinConsumedError} if the command's one-shot stdin source was already
   *   used
   * @throws {StdinError} if the command's stdin source fails during the run
   * @throws {OutputTooLargeError} if the text does not fit in one string, or exceeds an
   *   `outputBuffer` whose `overflow` is `"error"`
   */
  abstract outputString(command: Command): Promise<ProcessResult<string>>;

  /**
   * Runs the command and captures its stdout as bytes; otherwise like
   * {@linkcode ProcessRunner.outputString}.
   *
   * @throws {UnsupportedError} if this runner captures only text
   */
  outputBytes(command: Command): Promise<ProcessResult<Uint8Array>> {
    return Promise.reject(
      new UnsupportedError(
        "outputBytes",
        `${this.constructor.name} captures only text; use outputString`,
        {
          program: specOf(command).program,
        },
      ),
    );
  }

  /**
   * Starts the command and returns the live process. `retry` does not apply.
   *
   * @throws {NotFoundError} if the program does not exist
   * @throws {SpawnError} if the program cannot be started
   * @throws {TimeoutError} if the command's deadline passes before the program has
   *   started
   * @throws {CancelledError} if an abort signal of the command fires before the program
   *   has started
   * @throws {StdinConsumedError} if the command's one-shot stdin source was already
   *   used
   * @throws {UnsupportedError} if this runner cannot start live processes
   */
  start(command: Command): Promise<RunningProcess> {
    return Promise.reject(
      new UnsupportedError(
        "start",
        `${this.constructor.name} cannot start live processes; use outputString`,
        {
          program: specOf(command).program,
        },
      ),
    );
  }

  /**
   * Runs the command and returns its stdout without trailing whitespace. Throws unless
   * the run succeeds.
   *
   * @throws {ExitError} if it exits with a code that is not one of its `okCodes`
   * @throws {SignalledError} if a signal kills it
   * @throws {TimeoutError} if it reaches its deadline
   * @throws {HandlerError} if a line handler threw
   * @throws {OutputTooLargeError} if the command's `outputBuffer` dropped some of
   *   stdout
   * @throws what {@linkcode ProcessRunner.outputString} throws
   */
  run(command: Command): Promise<string> {
    return this.#retrying(
      "run",
      arguments,
      command,
      async () => (await this.#untruncatedResult(command)).stdout.trimEnd(),
    );
  }

  /**
   * Runs the command and returns the whole result. Throws unless the run succeeds.
   * Output that the command's `outputBuffer` dropped is not an error.
   *
   * @throws what else {@linkcode ProcessRunner.run} throws
   */
  checked(command: Command): Promise<ProcessResult<string>> {
    return this.#retrying(
      "checked",
      arguments,
      command,
      async () => checkedOf(await this.outputString(command)),
    );
  }

  /**
   * Runs the command and returns its exit code. No code is an error.
   *
   * @throws {SignalledError} if a signal kills it
   * @throws {TimeoutError} if it reaches its deadline
   * @throws {HandlerError} if a line handler threw
   * @throws what {@linkcode ProcessRunner.outputString} throws
   */
  exitCode(command: Command): Promise<number> {
    return this.#retrying(
      "exitCode",
      arguments,
      command,
      async () => exitCodeOf(await this.outputString(command)),
    );
  }

  /**
   * Runs the command and returns `true` for exit code 0, `false` for exit code 1. Its
   * `okCodes` are ignored.
   *
   * @throws {ExitError} if it exits with any other code
   * @throws what {@linkcode ProcessRunner.exitCode} throws
   */
  probe(command: Command): Promise<boolean> {
    return this.#retrying(
      "probe",
      arguments,
      command,
      async () => probeAnswerOf(await this.outputString(command)),
    );
  }

  /**
   * Runs the command, passes its unchanged stdout to `parser`, and returns what
   * `parser` returns. Throws unless the run succeeds.
   *
   * @throws {ParseError} if `parser` throws or rejects
   * @throws what {@linkcode ProcessRunner.run} throws
   */
  parse<T>(command: Command, parser: (stdout: string) => T): Promise<T> {
    return this.#retrying(
      "parse",
      arguments,
      command,
      async () => parsedOf(await this.#untruncatedResult(command), parser),
    );
  }

  /**
   * Starts the command, resolves with the first matching line of stdout, and kills the
   * process and everything it started. Resolves with `undefined` if stdout ends without
   * a match, whatever the exit code. `retry` does not apply.
   *
   * @param match a part of the line, a pattern, or a function that returns `true` for
   *   it
   * @throws {TimeoutError} if the command's deadline passes first
   * @throws {HandlerError} if a line handler of the command threw
   * @throws {TypeError} if `match` is not one of these three
   * @throws what {@linkcode ProcessRunner.start} or {@linkcode RunningProcess.finish}
   *   throws
   */
  async firstLine(
    command: Command,
    match: LineMatch,
  ): Promise<string | undefined> {
    checkRunnerArity("firstLine", arguments, 2);
    const matches = lineTest("firstLine", match);
    const process = await this.start(command);
    const line = await findLine(process, matches);
    throwFirst(runOf(process).handlerFailures);
    return line;
  }

  /** Returns the class name of the runner. */
  toString(): string {
    return this.constructor.name;
  }

  /**
   * Returns the text that `console.log` prints; see {@linkcode ProcessRunner.toString}.
   */
  [INSPECT](): string {
    return String(this);
  }

  /**
   * Whether `retry` and supervisors wait before they run a command again. `false` for a
   * replay, whose results are fixed.
   *
   * @default {true}
   */
  protected get waitsBetweenRuns(): boolean {
    return true;
  }

  async #untruncatedResult(command: Command): Promise<ProcessResult<string>> {
    return untruncatedOf(await this.outputString(command), specOf(command));
  }

  async #retrying<T>(
    verb: string,
    args: IArguments,
    command: Command,
    attempt: () => Promise<T>,
  ): Promise<T> {
    checkRunnerArity(verb, args, verb === "parse" ? 2 : 1);
    const { retry } = specOf(command);
    for (let left = retry?.attempts ?? 1, failure: unknown;; left--) {
      try {
        return await attempt();
      } catch (error) {
        // Report the failure of the earlier attempt as the cause: the used stdin source
        // only prevented the retry.
        if (error instanceof StdinConsumedError && failure !== undefined) {
          throw new StdinConsumedError(specOf(command).program, {
            cause: failure,
          });
        }
        if (
          retry === null || left <= 1 || error instanceof CancelledError ||
          error instanceof HandlerError ||
          !retry.when(error)
        ) throw error;
        failure = error;
      }
      await pause(command, this.waitsBetweenRuns ? retry.backoff : 0);
    }
  }
}

/**
 * Requires that a runner's method has no arguments beyond the command, such as options.
 *
 * @throws {TypeError} naming the method
 */
export function checkRunnerArity(
  verb: string,
  args: IArguments,
  most: number = 1,
): void {
  checkArity(
    verb,
    args,
    most,
    "set limits and options on the command, such as command.timeout(5000)",
  );
}

/**
 * Calls `action`, or rejects if there are arguments beyond the command. Not an `async`
 * function: on Bun, each extra turn of the microtask queue lets a live process print
 * more before the caller can take stdout.
 */
export function runnerVerb<T>(
  verb: string,
  args: IArguments,
  action: () => Promise<T>,
): Promise<T> {
  try {
    checkRunnerArity(verb, args);
    return action();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** How many of the last lines read a `TimeoutError` of `firstLine` shows. */
const SHOWN_LINES = 20;

async function findLine(
  process: RunningProcess,
  matches: (line: string) => boolean,
): Promise<string | undefined> {
  await using live = process;
  const { spec: { program, args, timeout }, stdinWriter } = runOf(live);
  // No caller can write to this process.
  stdinWriter?.closeUntaken();
  const last: string[] = [];
  for await (const line of live.stdoutLines()) {
    if (matches(line)) return line;
    if (last.push(line) > SHOWN_LINES) last.shift();
  }
  const { outcome, stderr } = await live.finish();
  if (outcome.kind !== "timed-out") return undefined;
  const stdout = last.join("\n");
  throw new TimeoutError({ program, args, stdout, stderr }, timeout);
}

/**
 * Waits `ms` milliseconds.
 *
 * @throws {CancelledError} if an abort signal of the command fires
 */
async function pause(command: Command, ms: number): Promise<void> {
  const spec = specOf(command);
  throwIfCancelled(spec);
  if (ms === 0) return;
  await sleep(ms, spec.cancelOn);
  throwIfCancelled(spec);
}

provideRunnerTest((value) => value instanceof ProcessRunner);
