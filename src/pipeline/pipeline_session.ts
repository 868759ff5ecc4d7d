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

/** What a session is made of. */
export interface StartedPipeline {
  /** All of them were started. */
  readonly stages: readonly RunningProcess[];
  readonly connections: readonly StagePipe[];
  /** Of the chain as a whole. Disposed of by the session. */
  readonly limits: RunLimits;
  /** Its deadline, in milliseconds. */
  readonly timeout: number | null;
}

/** Makes a session; set by {@linkcode PipelineSession} itself. */
export let sessionOf: (started: StartedPipeline) => PipelineSession;

/** How a pipeline ended: what its result is about. */
export interface PipelineEnd {
  /** The program that is to blame, or that of the last stage. */
  readonly program: string;
  /** How that ended; exit code 0 for a last stage that is forgiven. */
  readonly outcome: Outcome;
  /** What that printed to stderr. */
  readonly stderr: string;
}

/** Whom the result is about, and how that ended. */
interface ReportedEnd {
  readonly run: Run;
  readonly outcome: Outcome;
  /** The deadline that counts, in milliseconds. */
  readonly timeout: number | null;
}

/** How one stage ended: by itself or not, or that it came to nothing. */
type StageEnd =
  | { readonly outcome: Outcome }
  | { readonly error: unknown };

/**
 * A pipeline while it runs. Disposing it ends every stage, with all it started.
 *
 * What the last stage prints is there once: `stdoutLines`, `stdoutStream`,
 * `outputString` and `outputBytes` each take it. When a stage fails that is checked,
 * the others are ended at once; a stream then ends too, and `finish` tells why.
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

  /** The stages, from the left. What goes from one to the next is not theirs to give. */
  readonly stages: readonly RunningProcess[];
  readonly #started: StartedPipeline;
  readonly #runs: readonly Run[];
  readonly #last: Run;
  readonly #ends: StageEnd[] = [];
  readonly #reported: Promise<ReportedEnd>;
  #duration: number | null = null;
  /** Whether what ends the stages was decided on. */
  #isEnding = false;
  /** The stage that the chain's deadline found still running, if it did. */
  #timedOutStage: number | null = null;
  /** Which stages had ended when the others were ended because one failed. */
  #exitedBeforeTeardown: readonly boolean[] | null = null;

  private constructor(started: StartedPipeline) {
    this.stages = Object.freeze([...started.stages]);
    this.#started = started;
    this.#runs = started.stages.map(runOf);
    this.#last = this.#runs[this.#runs.length - 1];
    this.#reported = this.#watch();
    // Whoever asks for it still sees it; until then it is nobody's fault.
    this.#reported.catch(() => {});
    // An abort is every stage's own affair.
    started.limits.onReached = (limit) =>
      limit === "timed-out" && this.#timeOut();
  }

  /** How long it has been running, or ran, in milliseconds. */
  get elapsed(): number {
    return this.#duration ?? this.#age;
  }

  /** What line handlers and tees of the stages failed with until now. */
  handlerErrors(): readonly unknown[] {
    return Object.freeze(this.#runs.flatMap((run) => run.handlerErrors));
  }

  /** The stdin of the first stage; see {@linkcode RunningProcess.takeStdin}. */
  takeStdin(): ProcessStdin | null {
    return this.stages[0].takeStdin();
  }

  /** Takes the stdout of the last stage, line by line; see {@linkcode RunningProcess.stdoutLines}. */
  stdoutLines(): AsyncIterableIterator<string> & AsyncDisposable {
    checkArity("stdoutLines", arguments, 0, "test each line in the loop");
    return this.#lastStage.stdoutLines();
  }

  /** Takes the stdout of the last stage, in bytes; see {@linkcode RunningProcess.stdoutStream}. */
  stdoutStream(): ReadableStream<Uint8Array> {
    return this.#lastStage.stdoutStream();
  }

  /**
   * Waits for the end of every stage. What the last one printed can be taken
   * afterwards.
   *
   * @throws {CancelledError} if an abort signal of the pipeline, or of a stage, fired
   * @throws what `wait` of a stage throws that came to nothing
   */
  async wait(): Promise<Outcome> {
    checkArity("wait", arguments, 0, WAIT_ADVICE);
    return (await this.#whenFinished()).outcome;
  }

  /** Waits for the end, as {@linkcode PipelineSession.wait} does, and tells whom it is about: after a stream was read. */
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
   * Waits for the end, and takes the stdout of the last stage as text: what was not
   * taken before.
   *
   * @throws {OutputConsumedError} if it was taken already; and what {@linkcode PipelineSession.wait} throws
   * @throws {OutputTooLargeError} if the text is too long for one string
   */
  async outputString(): Promise<ProcessResult<string>> {
    checkArity("outputString", arguments, 0, WAIT_ADVICE);
    const { stdout } = this.#last;
    stdout?.takeWhole("outputString", "text");
    return await this.#result(() => stdout?.text() ?? "");
  }

  /** Waits for the end, and takes the stdout of the last stage as bytes; see {@linkcode PipelineSession.outputString}. */
  async outputBytes(): Promise<ProcessResult<Uint8Array>> {
    checkArity("outputBytes", arguments, 0, WAIT_ADVICE);
    const { stdout } = this.#last;
    stdout?.takeWhole("outputBytes", "bytes");
    return await this.#result(() => stdout?.bytes() ?? new Uint8Array(0));
  }

  /** Kills every stage, with all it started, at once. */
  kill(): void {
    checkArity("kill", arguments, 0, KILL_ADVICE);
    this.#isEnding = true;
    for (const run of this.#runs) run.kill();
  }

  /**
   * Ends it: SIGTERM to every stage and all it started, `grace` milliseconds to go by
   * themselves, and SIGKILL to who is left. Waits for the end; see
   * {@linkcode PipelineSession.wait}.
   *
   * @throws {RangeError} if the grace is negative or too long for a timer; and what `wait` throws
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

  /** The command lines of the stages, their process numbers, and how long it has run, in one line. */
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

  /** What `console.log` prints; see {@linkcode PipelineSession.toString}. */
  [INSPECT](): string {
    return `PipelineSession { ${this} }`;
  }

  /** Ends it, with all it started, and waits until it is gone. Never rejects. */
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
      // What a script takes is no measure of what it stands for.
      duration: isReal ? this.elapsed : 0,
      handlerErrors: this.handlerErrors(),
    });
    setHandlerFailures(
      result,
      this.#runs.flatMap(({ handlerFailures }) => handlerFailures),
    );
    return result;
  }

  /** stdout is the last stage's, and stderr that of the one which the result is about. */
  #truncated(run: Run): readonly OutputStream[] {
    return [
      ...this.#last.truncated.filter((stream) => stream === "stdout"),
      ...run.truncated.filter((stream) => stream === "stderr"),
    ];
  }

  async #watch(): Promise<ReportedEnd> {
    await Promise.all(this.#runs.map(async (run, stage) => {
      // What else it started, and who listens to it, may take longer.
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
    // What was printed when its reader left is still heard.
    await Promise.all(this.#runs.slice(0, -1).map((run) => run.closed));
    this.#duration = this.#age;
    Promise.all(this.#runs.map((run) => run.closed)).then(() =>
      this.#started.limits[Symbol.dispose]()
    );
    return this.#report();
  }

  /** Ends all stages because one has failed. */
  #tearDown(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    // Whoever ends from here on may do so for want of the others; who has ended, and
    // was not heard of yet, has not.
    this.#exitedBeforeTeardown = this.#runs.map(({ hasExited, backend }) =>
      hasExited || backend.hasExited()
    );
    this.#runs.forEach((run, stage) => {
      // Who may be to blame is still heard; nobody else is waited for.
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
    // A socket of Bun's that is cut is no broken pipe to who writes to it.
    return failures.map((failure, stage) =>
      failure === "failed" && failures[stage + 1] === "failed" &&
        this.#started.connections[stage].wasClosedEarly
        ? "broken-pipe"
        : failure
    );
  }

  #timeoutReport(stage: number): ReportedEnd {
    // Where all had exited, it was the last one's output that took so long.
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
