import { checkArity, checkMilliseconds } from "../command/checks.ts";
import { CancelledError } from "../outcome/errors.ts";
import { INSPECT } from "../outcome/inspect.ts";
import { quotedCommandLine } from "../outcome/message_text.ts";
import {
  exited,
  isSuccess,
  type Outcome,
  timedOut,
} from "../outcome/outcome.ts";
import {
  type OutputStream,
  ProcessResult,
  setHandlerFailures,
} from "../outcome/result.ts";
import type { ProcessStdin } from "../runner/process_stdin.ts";
import type { Run } from "../runner/run.ts";
import type { RunLimits } from "../runner/run_limits.ts";
import {
  KILL_ADVICE,
  type RunningProcess,
  runOf,
  WAIT_ADVICE,
} from "../runner/running_process.ts";
import type { StagePipe } from "../runner/stage_pipe.ts";
import { reportedStage, type StageFailure, stageFailure } from "./pipefail.ts";

/** The parts of a started pipeline. */
export interface StartedPipeline {
  /** The stages, all of them started. */
  readonly stages: readonly RunningProcess[];
  readonly connections: readonly StagePipe[];
  /**
   * The deadline and abort signals of the whole pipeline. The session disposes of them.
   */
  readonly limits: RunLimits;
  /** The pipeline's deadline, in milliseconds. */
  readonly timeout: number | null;
}

/**
 * Creates a session. Set by {@linkcode PipelineSession}, to keep the constructor
 * private.
 */
export let sessionOf: (started: StartedPipeline) => PipelineSession;

/** How a pipeline ended, as {@linkcode PipelineSession.finish} returns it. */
export interface PipelineEnd {
  /** The program of the reported stage: the stage that failed, or the last one. */
  readonly program: string;
  /**
   * The outcome of the reported stage; exit code 0 for a last stage with
   * `uncheckedInPipe()`.
   */
  readonly outcome: Outcome;
  /** The stderr of the reported stage. */
  readonly stderr: string;
}

/** The reported stage, and its outcome. */
interface ReportedEnd {
  readonly run: Run;
  readonly outcome: Outcome;
  /**
   * The deadline for the result, in milliseconds: the pipeline's if it has passed,
   * otherwise the stage's.
   */
  readonly timeout: number | null;
}

/** The outcome of one stage, or the error that its run failed with. */
type StageEnd =
  | { readonly outcome: Outcome }
  | { readonly error: unknown };

/**
 * Controls a pipeline while it runs. Disposing of the session kills every stage and
 * everything it started.
 *
 * The stdout of the last stage can be consumed once, by `stdoutLines`, `stdoutStream`,
 * `outputString` or `outputBytes`. When a stage fails, the other stages are killed;
 * stdout then ends, and `finish` returns the outcome of the failed stage.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * await using session = await new Command("seq", ["9"]).pipe(new Command("tac")).start();
 * for await (const line of session.stdoutLines()) console.log(line); // 9, 8, …
 * console.log(await session.wait()); // { kind: "exited", code: 0 }
 * ```
 */
export class PipelineSession implements AsyncDisposable {
  static {
    sessionOf = (started) => new PipelineSession(started);
  }

  /**
   * The stages, from left to right. Only the last one's stdout can be consumed: the
   * next stage has the others.
   */
  readonly stages: readonly RunningProcess[];
  readonly #started: StartedPipeline;
  readonly #runs: readonly Run[];
  readonly #last: Run;
  readonly #ends: StageEnd[] = [];
  readonly #reported: Promise<ReportedEnd>;
  #duration: number | null = null;
  /** Whether the stages are being killed: after a failure, or by the caller. */
  #isEnding = false;
  /** The leftmost stage that was still running at the pipeline's deadline. */
  #timedOutStage: number | null = null;
  /**
   * For each stage, whether it had exited when a failure caused the others to be
   * killed.
   */
  #exitedBeforeTeardown: readonly boolean[] | null = null;

  private constructor(started: StartedPipeline) {
    this.stages = Object.freeze([...started.stages]);
    this.#started = started;
    this.#runs = started.stages.map(runOf);
    this.#last = this.#runs[this.#runs.length - 1];
    this.#reported = this.#watch();
    // A caller that awaits `#reported` still gets the error. This prevents an unhandled
    // rejection if no caller does.
    this.#reported.catch(() => {});
    // Each stage has the pipeline's abort signals, and handles an abort itself.
    started.limits.onReached = (limit) =>
      limit === "timed-out" && this.#timeOut();
  }

  /** How long the pipeline has been running, or ran, in milliseconds. */
  get elapsed(): number {
    return this.#duration ?? this.#age;
  }

  /** Returns the errors of line handlers and tees of all stages so far. */
  handlerErrors(): readonly unknown[] {
    return Object.freeze(this.#runs.flatMap((run) => run.handlerErrors));
  }

  /** Takes the stdin of the first stage; see {@linkcode RunningProcess.takeStdin}. */
  takeStdin(): ProcessStdin | null {
    return this.stages[0].takeStdin();
  }

  /**
   * Reads the stdout of the last stage line by line; see
   * {@linkcode RunningProcess.stdoutLines}.
   */
  stdoutLines(): AsyncIterableIterator<string> & AsyncDisposable {
    checkArity("stdoutLines", arguments, 0, "test each line in the loop");
    return this.#lastStage.stdoutLines();
  }

  /**
   * Reads the stdout of the last stage as bytes; see
   * {@linkcode RunningProcess.stdoutStream}.
   */
  stdoutStream(): ReadableStream<Uint8Array> {
    return this.#lastStage.stdoutStream();
  }

  /**
   * Waits until every stage has exited, and returns the outcome of the reported stage.
   * The stdout of the last stage can still be taken afterwards.
   *
   * @throws {CancelledError} if an abort signal of the pipeline or of a stage fired
   * @throws the error of the reported stage, if its run failed; see
   *   {@linkcode RunningProcess.wait}
   */
  async wait(): Promise<Outcome> {
    checkArity("wait", arguments, 0, WAIT_ADVICE);
    return (await this.#whenFinished()).outcome;
  }

  /**
   * Waits until every stage has exited, and returns the outcome, program and stderr of
   * the reported stage. Use it after reading stdout as a stream.
   *
   * @throws what {@linkcode PipelineSession.wait} throws
   */
  async finish(): Promise<PipelineEnd> {
    checkArity("finish", arguments, 0, WAIT_ADVICE);
    const { run, outcome } = await this.#whenFinished();
    return {
      program: run.spec.program,
      outcome,
      stderr: run.stderr?.text() ?? "",
    };
  }

  /**
   * Waits until every stage has exited, and returns a result with the stdout of the
   * last stage that was not consumed before, as text.
   *
   * @throws {OutputConsumedError} if stdout was already consumed
   * @throws {OutputTooLargeError} if the text does not fit in one string
   * @throws what {@linkcode PipelineSession.wait} throws
   */
  async outputString(): Promise<ProcessResult<string>> {
    checkArity("outputString", arguments, 0, WAIT_ADVICE);
    const { stdout } = this.#last;
    stdout?.takeWhole("outputString", "text");
    return await this.#result(() => stdout?.text() ?? "");
  }

  /**
   * Waits until every stage has exited, and returns a result with stdout as bytes;
   * otherwise like {@linkcode PipelineSession.outputString}.
   */
  async outputBytes(): Promise<ProcessResult<Uint8Array>> {
    checkArity("outputBytes", arguments, 0, WAIT_ADVICE);
    const { stdout } = this.#last;
    stdout?.takeWhole("outputBytes", "bytes");
    return await this.#result(() => stdout?.bytes() ?? new Uint8Array(0));
  }

  /** Kills every stage and everything it started, immediately. */
  kill(): void {
    checkArity("kill", arguments, 0, KILL_ADVICE);
    this.#isEnding = true;
    for (const run of this.#runs) run.kill();
  }

  /**
   * Stops the pipeline: sends SIGTERM to every stage and everything it started, waits
   * up to `grace` milliseconds, and sends SIGKILL to the processes that are left. Then
   * waits like {@linkcode PipelineSession.wait}.
   *
   * @throws {RangeError} if `grace` is negative, not a number, or more than
   *   2,147,483,647 (about 24 days)
   * @throws what {@linkcode PipelineSession.wait} throws
   */
  async shutdown(grace: number): Promise<Outcome> {
    checkArity(
      "shutdown",
      arguments,
      1,
      "it always sends SIGTERM, and SIGKILL after the grace",
    );
    checkMilliseconds("shutdown", grace);
    this.#isEnding = true;
    await Promise.all(
      this.#runs.map((run) => run.tearDown("SIGTERM", grace)),
    );
    return await this.wait();
  }

  /**
   * Returns the command lines and process ids of the stages and the elapsed time, in
   * one line.
   */
  toString(): string {
    const lines = this.#runs.map(({ spec: { program, args } }) =>
      quotedCommandLine(program, args)
    );
    const pids = this.stages.map(({ pid }) => pid ?? "none");
    const state = this.#duration === null ? "running" : "ran";
    return `${lines.join(" | ")}, pids ${pids.join(", ")}, ${state} for ${
      Math.round(this.elapsed)
    } ms`;
  }

  /**
   * Returns the text that `console.log` prints; see
   * {@linkcode PipelineSession.toString}.
   */
  [INSPECT](): string {
    return `PipelineSession { ${this} }`;
  }

  /**
   * Kills every stage and everything it started, and waits until all have exited. Never
   * rejects.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#runs.map((run) => run.dispose()));
  }

  get #age(): number {
    return performance.now() - this.#runs[0].started;
  }

  get #lastStage(): RunningProcess {
    return this.stages[this.stages.length - 1];
  }

  async #whenFinished(): Promise<ReportedEnd> {
    for (const run of this.#runs) run.stdinWriter?.closeUntaken();
    this.#last.stdout?.drain();
    return await this.#reported;
  }

  async #result<T extends string | Uint8Array>(
    stdoutOf: () => T,
  ): Promise<ProcessResult<T>> {
    const { run, outcome, timeout } = await this.#whenFinished();
    await this.#last.closed;
    const isReal = this.#runs.some(({ backend }) => backend.pid !== null);
    const result = new ProcessResult({
      program: run.spec.program,
      args: run.spec.args,
      stdout: stdoutOf(),
      stderr: run.stderr?.text() ?? "",
      outcome,
      okCodes: run.spec.okCodes,
      truncated: this.#truncated(run),
      configuredTimeout: timeout,
      // The time that a simulated run takes says nothing about the real one.
      duration: isReal ? this.elapsed : 0,
      handlerErrors: this.handlerErrors(),
    });
    setHandlerFailures(
      result,
      this.#runs.flatMap(({ handlerFailures }) => handlerFailures),
    );
    return result;
  }

  /**
   * Returns which streams of the result are incomplete: stdout is the last stage's,
   * stderr is that of `run`.
   */
  #truncated(run: Run): readonly OutputStream[] {
    return [
      ...this.#last.truncated.filter((stream) => stream === "stdout"),
      ...run.truncated.filter((stream) => stream === "stderr"),
    ];
  }

  async #watch(): Promise<ReportedEnd> {
    await Promise.all(this.#runs.map(async (run, stage) => {
      // Check at the exit of the child: its descendants and listeners may take longer.
      await run.exited;
      if (this.#stageFailureOf(stage, stageEndOf(run)) === "failed") {
        this.#tearDown();
      }
      await run.completed;
      const end = stageEndOf(run);
      this.#ends[stage] = end;
      this.#started.connections[stage - 1]?.readerClosed();
      if (this.#stageFailureOf(stage, end) === "failed") this.#tearDown();
    }));
    // Listeners still receive what a stage printed before the next stage closed its
    // input.
    await Promise.all(this.#runs.slice(0, -1).map((run) => run.closed));
    this.#duration = this.#age;
    Promise.all(this.#runs.map((run) => run.closed)).then(() =>
      this.#started.limits[Symbol.dispose]()
    );
    return this.#report();
  }

  /** Kills the stages because one of them has failed. */
  #tearDown(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    // A stage that exits from now on may fail only because the others were killed. A
    // stage that has exited already failed by itself, even if the runtime has not
    // reported its exit yet.
    this.#exitedBeforeTeardown = this.#runs.map(({ hasExited, backend }) =>
      hasExited || backend.hasExited()
    );
    this.#runs.forEach((run, stage) => {
      // A stage that may be reported keeps its output, which its listeners still
      // receive. The others are killed without waiting.
      const hasSucceeded = run.hasExited &&
        this.#stageFailureOf(stage, stageEndOf(run)) === "none";
      if (hasSucceeded || !this.#exitedBeforeTeardown![stage]) run.kill();
      else run.killLeftovers();
    });
  }

  #timeOut(): void {
    if (!this.#isEnding && this.#duration === null) {
      this.#timedOutStage = this.#runs.findIndex((run) => !run.hasExited);
    }
    this.kill();
  }

  #report(): ReportedEnd {
    const errors = this.#ends.flatMap((end) => "error" in end ? [end] : []);
    const cancelled = errors.find(({ error }) =>
      error instanceof CancelledError
    );
    if (cancelled !== undefined) throw cancelled.error;
    if (this.#timedOutStage !== null) {
      return this.#timeoutReport(this.#timedOutStage);
    }
    const failures = this.#failures();
    const stage = reportedStage(failures);
    const end = this.#ends[stage ?? this.#runs.length - 1];
    if ("error" in end) throw end.error;
    const run = stage === null ? this.#last : this.#runs[stage];
    const { okCodes, timeout } = run.spec;
    const isUnchecked = stage === null && !isSuccess(end.outcome, okCodes);
    return {
      run,
      outcome: isUnchecked ? exited(0) : end.outcome,
      timeout,
    };
  }

  #failures(): StageFailure[] {
    const failures = this.#runs.map((_, stage) =>
      this.#exitedBeforeTeardown?.[stage] === false
        ? "none"
        : this.#stageFailureOf(stage, this.#ends[stage])
    );
    // On Bun, a captured stdout is a socket. A stage may fail without SIGPIPE when that
    // socket is closed.
    return failures.map((failure, stage) =>
      failure === "failed" && failures[stage + 1] === "failed" &&
        this.#started.connections[stage].wasClosedEarly
        ? "broken-pipe"
        : failure
    );
  }

  #timeoutReport(stage: number): ReportedEnd {
    // If every stage had exited, the output of the last one was not read in time.
    const run = this.#runs[stage] ?? this.#last;
    return { run, outcome: timedOut(), timeout: this.#started.timeout };
  }

  #stageFailureOf(stage: number, end: StageEnd): StageFailure {
    if ("error" in end) return "failed";
    const run = this.#runs[stage];
    return stageFailure(run.spec, end.outcome, run === this.#last);
  }
}

function stageEndOf(run: Run): StageEnd {
  try {
    return { outcome: run.outcome() };
  } catch (error) {
    return { error };
  }
}
