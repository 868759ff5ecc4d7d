import { UNBOUNDED } from "../command/output_buffer.ts";
import type { CommandSpec } from "../command/spec.ts";
import { Teardown } from "../containment/teardown.ts";
import { StdinError } from "../outcome/errors.ts";
import { type Outcome, signalled, timedOut } from "../outcome/outcome.ts";
import {
  type HandlerFailure,
  type OutputStream,
  ProcessResult,
  setHandlerFailures,
} from "../outcome/result.ts";
import { type RunTranscript, setTranscript } from "../outcome/transcript.ts";
import { isLimited } from "../output/buffer_limits.ts";
import { ListenerErrors } from "../output/listener_errors.ts";
import { Output } from "../output/output.ts";
import type { RunBackend } from "./backend.ts";
import { IDLE_AFTER_KILL_MS, OutputDrain } from "./output_drain.ts";
import {
  type ReachedLimit,
  type RunLimits,
  throwIfCancelled,
} from "./run_limits.ts";
import type { StdinReader } from "./stdin_reader.ts";
import { StdinWriter } from "./stdin_writer.ts";

/** How long a child that was killed may take to end before it counts as one that may not be killed. */
const KILL_TIMEOUT_MS = 2000;

/** How long a run that is kept may take to end once its output has. */
const COMPLETION_TIMEOUT_MS = 1000;

const STREAMS: readonly OutputStream[] = ["stdout", "stderr"];

/** What a run is made for: a verb that wants its stdout as text or bytes, or a live process. */
export type RunUse = "text" | "bytes" | "live";

/** What a run is made of. */
export interface RunParts {
  readonly use: RunUse;
  readonly backend: RunBackend;
  /** What is written to stdin. */
  readonly stdinReader: StdinReader | null;
  /** Watched until the run is over, and then disposed of. */
  readonly limits: RunLimits;
}

/** One run, from its start to its end, with everything that was opened for it. */
export class Run {
  readonly spec: CommandSpec;
  readonly backend: RunBackend;
  readonly started: number = performance.now();
  /** `null` where it is not captured. */
  readonly stdout: Output | null;
  /** `null` where it is not captured. */
  readonly stderr: Output | null;
  readonly stdinWriter: StdinWriter | null;
  /**
   * Resolves when the child has ended and what it printed is read, but for a stdout
   * that somebody has who reads it at a pace of their own. Never rejects.
   */
  readonly completed: Promise<void>;
  /** Resolves when all of that is over and nothing is open any more. Never rejects. */
  readonly closed: Promise<void>;
  readonly #limits: RunLimits;
  readonly #outputs: readonly Output[];
  readonly #drain: OutputDrain;
  readonly #keepsTranscript: boolean;
  readonly #listenerErrors = new ListenerErrors();
  readonly #exit = Promise.withResolvers<Outcome | null>();
  readonly #exited = Promise.withResolvers<void>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #outcome: Outcome = signalled(null);
  #hasExited = false;
  #hasCompleted = false;
  #isClosed = false;
  #duration = 0;
  #wasKilled = false;
  #teardown: Teardown | null = null;
  #stdinFailure: StdinError | null = null;
  #failure: { readonly error: unknown } | null = null;
  #isOutcomeRequested = false;
  #isDisposed = false;
  #completionActions: ((outcome: Outcome) => void)[] = [];

  /** Takes charge of a backend that was made in this same turn. */
  constructor(spec: CommandSpec, options: RunParts) {
    const { use, backend, stdinReader, limits } = options;
    this.spec = spec;
    // What a verb returns is whole by itself, unless it is limited.
    this.#keepsTranscript = spec.transcript === "timed" ||
      (spec.transcript === "output" &&
        (use === "live" || isLimited(spec.outputBuffer)));
    this.backend = backend;
    this.#limits = limits;
    this.stdout = this.#outputFor("stdout", use, null);
    this.stderr = this.#outputFor(
      "stderr",
      use,
      backend.readsStderrLast && this.stdout !== null
        ? Promise.race([
          this.stdout.finished.catch(() => {}),
          this.stdout.whenStreamed,
        ])
        : null,
    );
    this.#outputs = [this.stdout, this.stderr].filter((output) =>
      output !== null
    );
    this.#drain = new OutputDrain({
      stdout: this.stdout,
      stderr: this.stderr,
      tree: backend.tree,
      connection: spec.connection,
      after: (ms, action) => this.#after(ms, action),
      isOver: () => this.#isClosed,
    });
    this.stdinWriter = backend.stdin === null ? null : new StdinWriter(
      stdinReader,
      backend.stdin,
      {
        staysOpen: spec.keepStdinOpen && use === "live",
        onFailure: (error) => this.#failStdin(error),
      },
    );
    backend.exit.then((outcome) => this.#exit.resolve(outcome));
    // A pipe that cannot be read any more would keep the child waiting for ever.
    for (const output of this.#outputs) {
      output.finished.catch(() => this.kill());
    }
    const completed = Promise.withResolvers<void>();
    this.completed = completed.promise;
    this.closed = this.#runToEnd(completed.resolve);
    limits.onReached = (limit) => this.#onLimit(limit);
  }

  /** Whether the child itself has ended. */
  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Resolves when the child itself has ended. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Throws a `CancelledError` if an abort signal has ended it. */
  throwIfCancelled(): void {
    if (this.#limits.reached === "cancelled") throwIfCancelled(this.spec);
  }

  /**
   * Has `action` done once somebody wants to know how it ended, if it has ended by
   * then as a whole: not killed but at its deadline, and with its output read to the end.
   */
  onComplete(action: (outcome: Outcome) => void): void {
    this.#completionActions.push(action);
  }

  /** Says that somebody wants to know how it ended. */
  requestOutcome(): void {
    this.#isOutcomeRequested = true;
    this.#notifyIfComplete();
  }

  /** How long it has been going on, or went on, in milliseconds. */
  get elapsed(): number {
    return this.#hasCompleted
      ? this.#duration
      : performance.now() - this.started;
  }

  /** What went wrong for line handlers and tees. */
  get handlerErrors(): readonly unknown[] {
    return this.#listenerErrors.all;
  }

  /** What line handlers threw, without the failures of tees. */
  get handlerFailures(): readonly HandlerFailure[] {
    const { program, args } = this.spec;
    return this.#listenerErrors.thrown.map((error) => ({
      program,
      args,
      error,
    }));
  }

  /** How it ended; throws what it failed with. To be asked when it has ended. */
  outcome(): Outcome {
    this.throwIfCancelled();
    if (this.#stdinFailure !== null) throw this.#stdinFailure;
    if (this.#failure !== null) throw this.#failure.error;
    for (const output of this.#outputs) {
      const overflow = output.overflowError();
      if (overflow !== null) throw overflow;
    }
    this.backend.throwIfFailed(this.stderr?.text() ?? "");
    return this.#limits.reached === "timed-out" ? timedOut() : this.#outcome;
  }

  /** The result with this stdout; throws what the run failed with. To be asked when it has ended. */
  result<T extends string | Uint8Array>(
    stdoutOf: (stdout: Output | null) => T,
  ): ProcessResult<T> {
    const outcome = this.outcome();
    const { program, args, okCodes, timeout } = this.spec;
    const result = new ProcessResult({
      program,
      args,
      stdout: stdoutOf(this.stdout),
      stderr: this.stderr?.text() ?? "",
      outcome,
      okCodes,
      truncated: this.truncated,
      configuredTimeout: timeout,
      // What a script takes is no measure of what it stands for.
      duration: this.backend.pid === null ? 0 : this.#duration,
      handlerErrors: this.handlerErrors,
    });
    const { handlerErrors, handlerFailures } = this;
    if (handlerErrors.length > handlerFailures.length) {
      setHandlerFailures(result, handlerFailures);
    }
    if (this.#keepsTranscript) {
      setTranscript(result, this.transcript(outcome));
    }
    return result;
  }

  /** All of its output, whatever was kept of it; of a run that is transcribed. */
  transcript(outcome: Outcome): RunTranscript {
    return {
      outcome,
      stdout: this.stdout?.transcript(this.started) ?? null,
      stderr: this.stderr?.transcript(this.started) ?? null,
      truncated: this.#cutStreams,
      isBytes: this.stdout?.isTakenAsBytes === true,
      end: this.#duration,
    };
  }

  /** The streams that output is missing from. */
  get truncated(): readonly OutputStream[] {
    return STREAMS.filter((name) =>
      this[name]?.truncated || this.backend.truncated.includes(name)
    );
  }

  /** The streams that output is missing from, whatever is kept of it. */
  get #cutStreams(): readonly OutputStream[] {
    return STREAMS.filter((name) =>
      this[name]?.wasCut || this.backend.truncated.includes(name)
    );
  }

  /** Ends those whom a child that has ended left behind. */
  killLeftovers(): void {
    if (!this.#isClosed) this.backend.tree.killLeftovers();
  }

  /** Ends the tree, and with it the time that everything else has. */
  kill(): void {
    this.#teardown?.[Symbol.dispose]();
    if (this.#isClosed) return;
    this.#wasKilled = true;
    this.backend.tree.kill();
    this.#drain.cutWhenIdle();
    const patience = this.#limits.reached === "cancelled"
      ? 0
      : IDLE_AFTER_KILL_MS;
    this.#after(patience, () => this.#abandon());
    this.#after(KILL_TIMEOUT_MS, () => {
      this.backend.unref();
      this.#exit.resolve(null);
    });
  }

  /**
   * Has the tree end: at once, or after `grace` milliseconds at the latest. Resolves
   * when nobody is left in it, or they were killed.
   */
  async tearDown(signal: string, grace: number): Promise<void> {
    if (this.#isClosed) return;
    if (this.#teardown === null) {
      this.#teardown = new Teardown(this.backend.tree, {
        signal,
        grace,
        onOverdue: () => this.kill(),
      });
    } else if (grace === 0) this.kill();
    else this.#teardown.shorten(grace);
    await this.#teardown.finished;
  }

  /** Ends the tree, lets go of everything, and waits until it is gone. */
  async dispose(): Promise<void> {
    if (
      this.#isOutcomeRequested && this.#completionActions.length > 0 &&
      !this.#hasCompleted &&
      this.stdout?.isFinished !== false
    ) {
      // Somebody keeps what it comes to, and has read all of it: it is about to end.
      await this.#completesWithin(COMPLETION_TIMEOUT_MS);
    }
    this.#isDisposed = true;
    this.#abandon();
    this.kill();
    for (const output of this.#outputs) output.cut();
    await this.closed;
  }

  async #runToEnd(hasEnded: () => void): Promise<void> {
    try {
      const outcome = await this.#exit.promise;
      if (outcome !== null) this.#outcome = outcome;
      this.#hasExited = true;
      this.#exited.resolve();
      this.backend.tree.childExited();
      // Those who were told to go have their time, and the pipes are theirs as well.
      if (this.#teardown !== null) await this.#teardown.finished;
      await this.#drain.finish(
        this.#wasKilled
          ? "killed"
          : this.#teardown === null
          ? "exited"
          : "torn-down",
      );
      await this.stdinWriter?.stop(IDLE_AFTER_KILL_MS);
    } catch (error) {
      this.#failure = { error };
    }
    this.#duration = performance.now() - this.started;
    this.#hasCompleted = true;
    this.#notifyIfComplete();
    if (this.stdout?.isFinished === false) {
      hasEnded();
      await this.stdout.finished.catch(() => {});
      this.#notifyIfComplete();
    }
    this.#isClosed = true;
    this.#limits[Symbol.dispose]();
    this.#teardown?.[Symbol.dispose]();
    for (const timer of this.#timers) clearTimeout(timer);
    // Waited for only where there is something to wait for: a turn costs time too.
    const closing = this.backend.close();
    if (closing !== undefined) await closing;
    hasEnded();
  }

  #outputFor(
    name: OutputStream,
    use: RunUse,
    readAfter: Promise<unknown> | null,
  ): Output | null {
    const stream = this.backend[name];
    if (stream === null) return null;
    const { spec } = this;
    const isStdout = name === "stdout";
    return new Output(stream, {
      program: spec.program,
      name,
      encoding: this.backend.encodings[name] ?? spec.encoding,
      terminator: spec.lineTerminator,
      // What goes to another stage is not for the result.
      limits: isStdout && spec.connection !== null
        ? UNBOUNDED
        : spec.outputBuffer,
      handlers: isStdout ? spec.stdoutHandlers : spec.stderrHandlers,
      tees: isStdout ? spec.stdoutTees : spec.stderrTees,
      errors: this.#listenerErrors,
      use: !isStdout ? "text" : use === "live" ? "undecided" : use,
      countsLines: use === "live",
      keepsTranscript: this.#keepsTranscript,
      readAfter,
      onOverflow: () => this.kill(),
    });
  }

  /** Nobody who listens, or reads at a pace of their own, is waited for any more. */
  #abandon(): void {
    for (const output of this.#outputs) output.abandon();
  }

  #notifyIfComplete(): void {
    if (
      this.#completionActions.length === 0 || !this.#isCompleteAndRequested()
    ) return;
    const actions = this.#completionActions;
    this.#completionActions = [];
    let outcome: Outcome;
    try {
      outcome = this.outcome();
    } catch {
      // A run that failed comes to nothing; whoever waits for it is told with what.
      return;
    }
    try {
      for (const action of actions) action(outcome);
    } catch (error) {
      this.#failure = { error };
    }
  }

  #isCompleteAndRequested(): boolean {
    if (!this.#hasCompleted || !this.#isOutcomeRequested || this.#isDisposed) {
      return false;
    }
    if (this.#wasKilled && this.#limits.reached !== "timed-out") return false;
    return this.stdout === null || this.stdout.isComplete;
  }

  #failStdin(cause: unknown): void {
    if (this.#hasExited) return;
    this.#stdinFailure = new StdinError(this.spec.program, cause);
    this.kill();
  }

  #onLimit(limit: ReachedLimit): void {
    const { timeoutGrace, timeoutSignal } = this.spec;
    if (limit === "cancelled") this.kill();
    else this.tearDown(timeoutSignal, timeoutGrace);
  }

  async #completesWithin(ms: number): Promise<void> {
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, ms);
    await Promise.race([this.completed, patience.promise]);
    clearTimeout(timer);
  }

  #after(ms: number, action: () => void): void {
    this.#timers.add(setTimeout(action, ms));
  }
}

/** The result of a run whose stdout was to be kept as text, when it is over. */
export async function textOf(run: Run): Promise<ProcessResult<string>> {
  await run.closed;
  return run.result((stdout) => stdout?.text() ?? "");
}

/** The result of a run whose stdout was to be kept as bytes, when it is over. */
export async function bytesOf(run: Run): Promise<ProcessResult<Uint8Array>> {
  await run.closed;
  return run.result((stdout) => stdout?.bytes() ?? new Uint8Array(0));
}
