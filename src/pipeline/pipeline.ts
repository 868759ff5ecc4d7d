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
 * Programs of which each reads what the one before it prints. Immutable, like a
 * command; made by `a.pipe(b)`. There is no shell, and what goes from one to the next
 * does not come by here: it has a pipe of its own, and a slow reader slows down who
 * writes.
 *
 * The result is about the stage that is to blame: the leftmost that failed, a stage
 * that only lost its reader (SIGPIPE) coming last. Its program, exit code and stderr
 * are the result's; stdout is always the last stage's. A failure ends all other stages
 * at once. A stage with {@linkcode Command.uncheckedInPipe} is never to blame for its
 * exit status; as the last one it counts as exit code 0.
 *
 * A stage's own `timeout`, abort signals, `okCodes`, handlers and tees hold, and so does
 * its `outputBuffer`, but for what goes to the next stage; `retry` does not. A pipeline of
 * several stages cannot be recorded into a cassette.
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
   * Makes a pipeline of these stages, from the left.
   *
   * @throws {TypeError} if there is none, or if the stdout of one, or the stdin of the next, was said to be something else
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
   * Adds a stage that reads what the last one prints.
   *
   * @throws {TypeError} if the stdout of the last one, or the stdin of `next`, was said to be something else
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
   * Sets a deadline for all of it, in milliseconds from its start: every stage is
   * killed then, and the result is about the leftmost that was still running.
   *
   * @throws {RangeError} if it is negative or too long for a timer
   */
  timeout(ms: number): Pipeline {
    return this.#with({ timeout: checkMilliseconds("timeout", ms) });
  }

  /**
   * Ends every stage, with all it started, when the signal fires. A second call adds a signal.
   *
   * @throws {TypeError} if it is no `AbortSignal`
   */
  cancelOn(signal: AbortSignal): Pipeline {
    return this.#with({
      cancelOn: [...this.#spec.cancelOn, checkAbortSignal("cancelOn", signal)],
    });
  }

  /**
   * Has this runner start the stages, in place of the one behind a command's own verbs.
   *
   * @throws {TypeError} if it is no `ProcessRunner`
   */
  withRunner(runner: ProcessRunner): Pipeline {
    return this.#with({ runner: checkRunner("withRunner", runner) });
  }

  /** The stages as a POSIX shell would read them: for display only. */
  commandLine(): string {
    return this.#spec.stages.map((stage) => stage.commandLine()).join(" | ");
  }

  /**
   * Starts all stages, and hands them out while they run. It is never tried again.
   *
   * @throws {NotFoundError} if the program of a stage is not there; the others are ended
   * @throws {SpawnError} if one cannot be started; the others are ended
   * @throws {TimeoutError} if the deadline comes before all are
   * @throws {CancelledError} if an abort signal fired before all are
   * @throws {StdinConsumedError} if the one-shot stdin source of the first stage has fed a run already
   * @throws {UnsupportedError} if the runner records or replays a cassette, or starts some stages only
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
   * Runs it and captures the last stage's output as text. Exit codes, signals and
   * deadlines are in the result, which is about the stage that is to blame.
   *
   * @throws what {@linkcode Pipeline.start} throws, but for the deadline
   * @throws {StdinError} if the stdin source of the first stage failed
   * @throws {OutputTooLargeError} if the text is too long for one string, or an `outputBuffer` makes it an error
   */
  async outputString(): Promise<ProcessResult<string>> {
    checkArity("outputString", arguments, 0, ARGUMENT_ADVICE);
    await using session = await this.#start();
    return await (session?.outputString() ?? this.#timedOutBeforeStart(""));
  }

  /** Runs it and captures the last stage's output as bytes; like {@linkcode Pipeline.outputString} otherwise. */
  async outputBytes(): Promise<ProcessResult<Uint8Array>> {
    checkArity("outputBytes", arguments, 0, ARGUMENT_ADVICE);
    await using session = await this.#start();
    return await (session?.outputBytes() ??
      this.#timedOutBeforeStart(new Uint8Array(0)));
  }

  /**
   * Runs it, which must succeed, and returns the last stage's stdout without trailing
   * whitespace.
   *
   * @throws {ExitError} if the stage that is to blame exited with a code that is not among its `okCodes`
   * @throws {SignalledError} if a signal ended that
   * @throws {TimeoutError} if it, or the pipeline, reached its deadline
   * @throws {OutputTooLargeError} if the last stage's `outputBuffer` dropped some of stdout; and what
   *   {@linkcode Pipeline.outputString} throws
   */
  async run(): Promise<string> {
    checkArity("run", arguments, 0, ARGUMENT_ADVICE);
    return (await this.#untruncatedResult()).stdout.trimEnd();
  }

  /** Runs it, which must succeed, and returns the whole result; throws as {@linkcode Pipeline.run} does. */
  async checked(): Promise<ProcessResult<string>> {
    checkArity("checked", arguments, 0, ARGUMENT_ADVICE);
    return checkedOf(await this.outputString());
  }

  /**
   * Runs it and returns the exit code of the stage that is to blame, or of the last one.
   *
   * @throws {SignalledError} if a signal ended the stage that is to blame
   * @throws {TimeoutError} if it, or the pipeline, reached its deadline; and what {@linkcode Pipeline.outputString} throws
   */
  async exitCode(): Promise<number> {
    checkArity("exitCode", arguments, 0, ARGUMENT_ADVICE);
    return exitCodeOf(await this.outputString());
  }

  /**
   * Runs it and tells whether that exit code is 0 (true) or 1 (false).
   *
   * @throws {ExitError} if it is any other
   * @throws {SignalledError} if a signal ended the stage that is to blame
   * @throws {TimeoutError} if it, or the pipeline, reached its deadline; and what {@linkcode Pipeline.outputString} throws
   */
  async probe(): Promise<boolean> {
    checkArity("probe", arguments, 0, ARGUMENT_ADVICE);
    return probeAnswerOf(await this.outputString());
  }

  /**
   * Runs it, which must succeed, and gives the last stage's stdout, verbatim, to `parser`.
   *
   * @throws {ParseError} if the parser throws; it throws as {@linkcode Pipeline.run} does otherwise
   */
  async parse<T>(parser: (stdout: string) => T): Promise<T> {
    checkArity("parse", arguments, 1, ARGUMENT_ADVICE);
    return await parsedOf(await this.#untruncatedResult(), parser);
  }

  /** The stages in one line, with what differs from the default. Values of variables are not shown. */
  toString(): string {
    const { stages, timeout } = this.#spec;
    const line = stages.join(" | ");
    return timeout === null ? line : `${line} (timeout ${timeout} ms)`;
  }

  /** What `console.log` prints; see {@linkcode Pipeline.toString}. */
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

  /** The result of a pipeline whose deadline came before all stages were started: it is about the first. */
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
 * The runner that stages were given by `withRunner`; `null` if none was.
 *
 * @throws {TypeError} if two stages have different ones
 */
function runnerOf(stages: readonly Command[]): ProcessRunner | null {
  const runners = new Set(
    stages.map((stage) => specOf(stage).runner).filter((runner) =>
      runner !== null
    ),
  );
  if (runners.size > 1) {
    throw new TypeError(
      "pipe: two stages have different runners; give the pipeline one, with withRunner(runner), and the stages none",
    );
  }
  const [runner = null] = runners;
  return runner;
}

/** Refuses a stage whose stdout goes elsewhere; `foreground` says so of all three streams. */
function checkStdoutIsFree({ program, stdout, foreground }: CommandSpec): void {
  if (stdout === "piped" || (foreground && stdout === "inherit")) return;
  throw new TypeError(
    `pipe: the stdout of \`${program}\` goes elsewhere, and cannot feed the next stage: leave it "piped"`,
  );
}

/** Refuses a stage that has an input of its own. */
function checkStdinIsFree(
  { program, stdin, keepStdinOpen, foreground }: CommandSpec,
): void {
  const isFree = stdin === "inherit" ? foreground : stdin.isEmpty;
  if (isFree && !keepStdinOpen) return;
  throw new TypeError(
    `pipe: \`${program}\` has a stdin of its own, and cannot read the stage before it: only the first stage may`,
  );
}

const ARGUMENT_ADVICE =
  "use withRunner(runner) for another runner, and timeout(ms) for a deadline";

providePipeline((first, next) => new Pipeline([first, next]));
