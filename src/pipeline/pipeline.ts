import {
  checkAbortSignal,
  checkArity,
  checkMilliseconds,
} from "../command/checks.ts";
import { checkCommand, type Command, specOf } from "../command/command.ts";
import { checkRunner, providePipeline } from "../command/default_runner.ts";
import type { CommandSpec } from "../command/spec.ts";
import { INSPECT } from "../outcome/inspect.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { TimeoutError } from "../outcome/run_errors.ts";
import { timedOutBeforeStart } from "../runner/live_verbs.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import {
  checkedOf,
  exitCodeOf,
  parsedOf,
  probeAnswerOf,
  untruncatedOf,
} from "../runner/result_verbs.ts";
import type { PipelineSession } from "./pipeline_session.ts";
import { type PipelineSpec, startPipeline } from "./start_pipeline.ts";

/**
 * Runs several programs at once, each of which reads the stdout of the one before it. A
 * pipeline is immutable, like a command, and is made by `a.pipe(b)`. There is no shell.
 * Data between two stages goes through a pipe of the kernel where possible, so a slow
 * reader slows down the writer.
 *
 * The result has the stdout of the last stage. Its program, exit code and stderr are
 * those of the *reported stage*: the leftmost stage that failed, or the last stage if
 * none did. A stage that was stopped because the next stage closed its input (SIGPIPE,
 * or exit code 141 from a shell) is reported only if no other stage failed. When a
 * stage fails, the others are killed.
 *
 * A stage with {@linkcode Command.uncheckedInPipe} is not reported for its exit code or
 * signal; as the last stage it counts as exit code 0.
 *
 * Each stage keeps its own `timeout`, abort signals, `okCodes`, handlers and tees. Its
 * `retry` is ignored. Its `outputBuffer` does not limit what the next stage reads. A
 * pipeline of several stages cannot be recorded into a cassette.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * const log = new Command("git", ["log", "--format=%an"]);
 * const authors = log.pipe(new Command("sort")).pipe(new Command("uniq", ["-c"]));
 * console.log(await authors.timeout(10_000).run());
 * ```
 */
export class Pipeline {
  #spec: PipelineSpec;

  /**
   * Creates a pipeline of these stages, from left to right.
   *
   * @throws {TypeError} if there is no stage, if two stages have different runners, if
   *   the stdout of a stage before the last is redirected, or if a stage after the
   *   first has its own stdin
   */
  constructor(stages: Iterable<Command>) {
    const all = Object.freeze([...stages]);
    if (all.length === 0) {
      throw new TypeError("a pipeline needs at least one command, got none");
    }
    for (const stage of all) checkCommand("pipe", stage);
    all.map(specOf).forEach((spec, index) => {
      if (index > 0) checkStdinIsFree(spec);
      if (index < all.length - 1) checkStdoutIsFree(spec);
    });
    this.#spec = {
      stages: all,
      timeout: null,
      cancelOn: [],
      runner: runnerOf(all),
    };
    Object.freeze(this);
  }

  /**
   * Adds a stage that reads the stdout of the last one.
   *
   * @throws {TypeError} if the stdout of the last stage is redirected, if `next` has
   *   its own stdin, or if its runner is not that of the other stages
   */
  pipe(next: Command): Pipeline {
    const longer = new Pipeline([...this.#spec.stages, next]);
    longer.#spec = {
      ...this.#spec,
      stages: longer.#spec.stages,
      runner: this.#spec.runner ?? longer.#spec.runner,
    };
    return longer;
  }

  /**
   * Sets the deadline of the whole pipeline, in milliseconds from its start. At the
   * deadline every stage is killed, and the leftmost stage that was still running is
   * reported.
   *
   * @throws {RangeError} if `ms` is negative, not a number, or more than 2,147,483,647
   *   (about 24 days)
   */
  timeout(ms: number): Pipeline {
    return this.#with({ timeout: checkMilliseconds("timeout", ms) });
  }

  /**
   * Kills every stage and everything it started when the signal fires. Further calls
   * add signals.
   *
   * @throws {TypeError} if `signal` is not an `AbortSignal`
   */
  cancelOn(signal: AbortSignal): Pipeline {
    return this.#with({
      cancelOn: [...this.#spec.cancelOn, checkAbortSignal("cancelOn", signal)],
    });
  }

  /**
   * Sets the runner that starts the stages, in place of the runner of the stages or the
   * default one.
   *
   * @throws {TypeError} if `runner` is not a `ProcessRunner`
   */
  withRunner(runner: ProcessRunner): Pipeline {
    return this.#with({ runner: checkRunner("withRunner", runner) });
  }

  /** Returns the stages as one POSIX shell command line, for display only. */
  commandLine(): string {
    return this.#spec.stages.map((stage) => stage.commandLine()).join(" | ");
  }

  /**
   * Starts all stages and returns a session that controls them. `retry` does not apply.
   *
   * If a stage cannot be started, the stages already started are killed.
   *
   * @throws {NotFoundError} if the program of a stage does not exist
   * @throws {SpawnError} if a stage cannot be started
   * @throws {TimeoutError} if the pipeline's deadline passes before all stages have
   *   started
   * @throws {CancelledError} if an abort signal fires before all stages have started
   * @throws {StdinConsumedError} if the one-shot stdin source of the first stage was
   *   already used
   * @throws {UnsupportedError} if the runner records or replays a cassette, or starts
   *   only some of the stages
   */
  async start(): Promise<PipelineSession> {
    checkArity("start", arguments, 0, ARGUMENT_ADVICE);
    const session = await this.#start();
    if (session !== null) return session;
    const { stages: [first], timeout } = this.#spec;
    const { program, args } = specOf(first);
    throw new TimeoutError({ program, args, stdout: "", stderr: "" }, timeout);
  }

  /**
   * Runs the pipeline and captures the stdout of the last stage as text. A non-zero
   * exit code, a signal or a timeout does not reject; the result describes it.
   *
   * @throws {NotFoundError} if the program of a stage does not exist
   * @throws {SpawnError} if a stage cannot be started
   * @throws {CancelledError} if an abort signal fires
   * @throws {StdinConsumedError} if the one-shot stdin source of the first stage was
   *   already used
   * @throws {StdinError} if the stdin source of the first stage fails
   * @throws {OutputTooLargeError} if the text does not fit in one string, or exceeds an
   *   `outputBuffer` whose `overflow` is `"error"`
   * @throws {UnsupportedError} if the runner records or replays a cassette, or starts
   *   only some of the stages
   */
  async outputString(): Promise<ProcessResult<string>> {
    checkArity("outputString", arguments, 0, ARGUMENT_ADVICE);
    await using session = await this.#start();
    return await (session?.outputString() ?? this.#timedOutBeforeStart(""));
  }

  /**
   * Runs the pipeline and captures the stdout of the last stage as bytes; otherwise
   * like {@linkcode Pipeline.outputString}.
   */
  async outputBytes(): Promise<ProcessResult<Uint8Array>> {
    checkArity("outputBytes", arguments, 0, ARGUMENT_ADVICE);
    await using session = await this.#start();
    return await (session?.outputBytes() ??
      this.#timedOutBeforeStart(new Uint8Array(0)));
  }

  /**
   * Runs the pipeline and returns the stdout of the last stage without trailing
   * whitespace. Throws unless the run succeeds.
   *
   * @throws {ExitError} if the reported stage exited with a code that is not one of its
   *   `okCodes`
   * @throws {SignalledError} if the reported stage was killed by a signal
   * @throws {TimeoutError} if the reported stage, or the pipeline, reached its deadline
   * @throws {HandlerError} if a line handler of a stage threw
   * @throws {OutputTooLargeError} if the `outputBuffer` of the last stage dropped some
   *   of stdout
   * @throws what {@linkcode Pipeline.outputString} throws
   */
  async run(): Promise<string> {
    checkArity("run", arguments, 0, ARGUMENT_ADVICE);
    return (await this.#untruncatedResult()).stdout.trimEnd();
  }

  /**
   * Runs the pipeline and returns the whole result. Throws unless the run succeeds.
   * Output that an `outputBuffer` dropped is not an error.
   *
   * @throws what else {@linkcode Pipeline.run} throws
   */
  async checked(): Promise<ProcessResult<string>> {
    checkArity("checked", arguments, 0, ARGUMENT_ADVICE);
    return checkedOf(await this.outputString());
  }

  /**
   * Runs the pipeline and returns the exit code of the reported stage.
   *
   * @throws {SignalledError} if the reported stage was killed by a signal
   * @throws {TimeoutError} if the reported stage, or the pipeline, reached its deadline
   * @throws {HandlerError} if a line handler of a stage threw
   * @throws what {@linkcode Pipeline.outputString} throws
   */
  async exitCode(): Promise<number> {
    checkArity("exitCode", arguments, 0, ARGUMENT_ADVICE);
    return exitCodeOf(await this.outputString());
  }

  /**
   * Runs the pipeline and returns `true` if the exit code of the reported stage is 0,
   * `false` if it is 1.
   *
   * @throws {ExitError} if it is any other code
   * @throws what {@linkcode Pipeline.exitCode} throws
   */
  async probe(): Promise<boolean> {
    checkArity("probe", arguments, 0, ARGUMENT_ADVICE);
    return probeAnswerOf(await this.outputString());
  }

  /**
   * Runs the pipeline, passes the unchanged stdout of the last stage to `parser`, and
   * returns what `parser` returns. Throws unless the run succeeds.
   *
   * @throws {ParseError} if `parser` throws or rejects
   * @throws what {@linkcode Pipeline.run} throws
   */
  async parse<T>(parser: (stdout: string) => T): Promise<T> {
    checkArity("parse", arguments, 1, ARGUMENT_ADVICE);
    return await parsedOf(await this.#untruncatedResult(), parser);
  }

  /**
   * Returns the stages and the deadline in one line. Values of environment variables
   * are not shown.
   */
  toString(): string {
    const { stages, timeout } = this.#spec;
    const line = stages.join(" | ");
    return timeout === null ? line : `${line} (timeout ${timeout} ms)`;
  }

  /** Returns the text that `console.log` prints; see {@linkcode Pipeline.toString}. */
  [INSPECT](): string {
    return `Pipeline { ${this} }`;
  }

  #start(): Promise<PipelineSession | null> {
    return startPipeline(this.#spec);
  }

  async #untruncatedResult(): Promise<ProcessResult<string>> {
    const { stages } = this.#spec;
    return untruncatedOf(
      await this.outputString(),
      specOf(stages[stages.length - 1]),
    );
  }

  /**
   * Returns the result for a deadline that passed before all stages had started. The
   * first stage is reported.
   */
  #timedOutBeforeStart<T extends string | Uint8Array>(
    stdout: T,
  ): ProcessResult<T> {
    const { stages: [first], timeout } = this.#spec;
    return timedOutBeforeStart(first.timeout(timeout!), stdout);
  }

  #with(changes: Partial<PipelineSpec>): Pipeline {
    const copy = new Pipeline(this.#spec.stages);
    copy.#spec = { ...this.#spec, ...changes };
    return copy;
  }
}

/**
 * Returns the runner that the stages share; `null` if none has one.
 *
 * @throws {TypeError} if two stages have different runners
 */
function runnerOf(stages: readonly Command[]): ProcessRunner | null {
  const runners = new Set(
    stages.map((stage) => specOf(stage).runner).filter((runner) =>
      runner !== null
    ),
  );
  if (runners.size > 1) {
    throw new TypeError(
      "pipe: two stages have different runners; remove withRunner(runner) from the stages and call it on the pipeline",
    );
  }
  const [runner = null] = runners;
  return runner;
}

/**
 * Requires that the stdout of a stage is not redirected. `foreground()` sets all three
 * streams, so its stdout is allowed.
 */
function checkStdoutIsFree({ program, stdout, foreground }: CommandSpec): void {
  if (stdout === "piped" || (foreground && stdout === "inherit")) return;
  throw new TypeError(
    `pipe: the stdout of \`${program}\` is redirected, so the next stage cannot read it; leave stdout "piped"`,
  );
}

/** Requires that a stage has no stdin of its own. */
function checkStdinIsFree(
  { program, stdin, keepStdinOpen, foreground }: CommandSpec,
): void {
  const isFree = stdin === "inherit" ? foreground : stdin.isEmpty;
  if (isFree && !keepStdinOpen) return;
  throw new TypeError(
    `pipe: \`${program}\` has its own stdin, so it cannot read the previous stage; only the first stage may set stdin`,
  );
}

const ARGUMENT_ADVICE =
  "use withRunner(runner) for another runner, and timeout(ms) for a deadline";

providePipeline((first, next) => new Pipeline([first, next]));
