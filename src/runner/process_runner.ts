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

/** Reads what only a supervisor needs to know; set by {@linkcode ProcessRunner} itself. */
export let waitsBetweenRuns: (runner: ProcessRunner) => boolean;

/**
 * The door between a {@linkcode Command} and a {@linkcode ProcessResult}: behind
 * it a run is live, scripted or replayed. The verbs are the same for all of them.
 *
 * A runner of your own needs to implement {@linkcode ProcessRunner.outputString}
 * alone.
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
   * Runs the command and captures its output as text. A non-zero exit, a signal
   * and a timeout are in the result; it is never tried again.
   *
   * @throws {NotFoundError} if the program is not there
   * @throws {SpawnError} if it cannot be started
   * @throws {CancelledError} if the command's abort signal fired
   * @throws {StdinConsumedError} if its one-shot stdin source has fed a run already
   * @throws {StdinError} if its stdin source failed during the run
   * @throws {OutputTooLargeError} if the text is too long for one string, or the command's `outputBuffer` makes it an error
   */
  abstract outputString(command: Command): Promise<ProcessResult<string>>;

  /**
   * Runs the command and captures its stdout as bytes; like
   * {@linkcode ProcessRunner.outputString} otherwise.
   *
   * @throws {UnsupportedError} if this runner has text alone
   */
  outputBytes(command: Command): Promise<ProcessResult<Uint8Array>> {
    return Promise.reject(
      new UnsupportedError(
        "outputBytes",
        `${this.constructor.name} has text alone; use outputString`,
        {
          program: specOf(command).program,
        },
      ),
    );
  }

  /**
   * Starts the command and hands out the process while it runs. It is never tried
   * again.
   *
   * @throws {NotFoundError} if the program is not there
   * @throws {SpawnError} if it cannot be started
   * @throws {TimeoutError} if the command's deadline comes before it is
   * @throws {CancelledError} if the command's abort signal fired before it is
   * @throws {StdinConsumedError} if its one-shot stdin source has fed a run already
   * @throws {UnsupportedError} if this runner has finished runs alone
   */
  start(command: Command): Promise<RunningProcess> {
    return Promise.reject(
      new UnsupportedError(
        "start",
        `${this.constructor.name} has finished runs alone; use outputString`,
        {
          program: specOf(command).program,
        },
      ),
    );
  }

  /**
   * Runs the command, which must succeed, and returns its stdout without its
   * trailing whitespace.
   *
   * @throws {ExitError} if it exits with a code that is not among its `okCodes`
   * @throws {SignalledError} if a signal ends it
   * @throws {TimeoutError} if it reaches its deadline
   * @throws {OutputTooLargeError} if the command's `outputBuffer` dropped some of stdout; and what
   *   {@linkcode ProcessRunner.outputString} throws
   */
  run(command: Command): Promise<string> {
    return this.#retrying(
      "run",
      arguments,
      command,
      async () => (await this.#untruncatedResult(command)).stdout.trimEnd(),
    );
  }

  /** Runs the command, which must succeed, and returns the whole result; throws as {@linkcode ProcessRunner.run} does. */
  checked(command: Command): Promise<ProcessResult<string>> {
    return this.#retrying(
      "checked",
      arguments,
      command,
      async () => checkedOf(await this.outputString(command)),
    );
  }

  /**
   * Runs the command and returns its exit code, whatever it is.
   *
   * @throws {SignalledError} if a signal ends it
   * @throws {TimeoutError} if it reaches its deadline; and what {@linkcode ProcessRunner.outputString} throws
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
   * Runs the command and tells whether its exit code is 0 (true) or 1 (false);
   * its `okCodes` do not matter.
   *
   * @throws {ExitError} if it exits with any other code
   * @throws {SignalledError} if a signal ends it
   * @throws {TimeoutError} if it reaches its deadline; and what {@linkcode ProcessRunner.outputString} throws
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
   * Runs the command, which must succeed, and gives its stdout, verbatim, to `parser`.
   *
   * @throws {ParseError} if the parser throws; it throws as {@linkcode ProcessRunner.run} does otherwise
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
   * Starts the command, resolves with the first line of stdout that matches, and kills
   * the process with everything it started. Resolves with `undefined` if stdout ends
   * without such a line, whatever the exit code. Never tried again.
   *
   * @param match a part of the line, a pattern, or a function that returns `true` for it
   * @throws {TimeoutError} if the command's deadline comes first
   * @throws {HandlerError} if a line handler of the command threw
   * @throws {TypeError} if `match` is none of the three; and what {@linkcode ProcessRunner.start} throws
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

  /** The kind of runner, in one line. */
  toString(): string {
    return this.constructor.name;
  }

  /** What `console.log` prints; see {@linkcode ProcessRunner.toString}. */
  [INSPECT](): string {
    return String(this);
  }

  /**
   * Whether there is a reason to wait before a command is run again, by `retry` or a
   * supervisor: not for a replay, whose answer is known.
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
        // What the earlier attempt failed with is what has to be mended, not that its input is gone.
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
 * Refuses what a runner's verb does not take beside the command: options, say.
 *
 * @throws {TypeError} naming the verb
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
 * Does what a runner's verb is to do; rejects for arguments beside the command. Not an
 * `async` function: on Bun each further turn of the microtask queue lets a live process
 * print more before its caller can take stdout.
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

/** How many of the lines that were read a `TimeoutError` of `firstLine` shows. */
const SHOWN_LINES = 20;

async function findLine(
  process: RunningProcess,
  matches: (line: string) => boolean,
): Promise<string | undefined> {
  await using live = process;
  const { spec: { program, args, timeout }, stdinWriter } = runOf(live);
  // No caller can write to it.
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

/** Waits `ms` milliseconds; throws a `CancelledError` if the command's abort signal fires meanwhile. */
async function pause(command: Command, ms: number): Promise<void> {
  const spec = specOf(command);
  throwIfCancelled(spec);
  if (ms === 0) return;
  await sleep(ms, spec.cancelOn);
  throwIfCancelled(spec);
}

provideRunnerTest((value) => value instanceof ProcessRunner);
