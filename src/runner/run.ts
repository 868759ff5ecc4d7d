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

/**
 * How long to wait for a killed child to exit. A child that is still running then may
 * not be killed (for example because it became another user).
 */
const KILL_TIMEOUT_MS = 2000;

/**
 * How long disposal waits for the exit of a process that a recording keeps, once its
 * output is read.
 */
const COMPLETION_TIMEOUT_MS = 1000;

const STREAMS: readonly OutputStream[] = ["stdout", "stderr"];

/** What a run is for: a verb that captures stdout as text or bytes, or a live process. */
export type RunUse = "text" | "bytes" | "live";

/** The parts of a run. */
export interface RunParts {
  readonly use: RunUse;
  readonly backend: RunBackend;
  /** The source for stdin. */
  readonly stdinReader: StdinReader | null;
  /** The deadline and abort signals. The run disposes of them. */
  readonly limits: RunLimits;
}

/** One run, from the start of its child until everything it opened is closed. */
export class Run {
  readonly spec: CommandSpec;
  readonly backend: RunBackend;
  readonly started: number = performance.now();
  /** `null` if stdout is not captured. */
  readonly stdout: Output | null;
  /** `null` if stderr is not captured. */
  readonly stderr: Output | null;
  readonly stdinWriter: StdinWriter | null;
  /**
   * Resolves when the child has exited and its output was read. A stdout with a
   * streaming consumer may still be open. Never rejects.
   */
  readonly completed: Promise<void>;
  /** Resolves when all output was read and everything is closed. Never rejects. */
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

  /** Takes charge of a backend created in the same turn. */
  constructor(spec: CommandSpec, options: RunParts) {
    const { use, backend, stdinReader, limits } = options;
    this.spec = spec;
    // The result of a verb has all output, unless it is limited. Otherwise a transcript
    // keeps it.
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
      isClosed: () => this.#isClosed,
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
    // If a pipe cannot be read, the child would block on it forever.
    for (const output of this.#outputs) {
      output.finished.catch(() => this.kill());
    }
    const completed = Promise.withResolvers<void>();
    this.completed = completed.promise;
    this.closed = this.#runToEnd(completed.resolve);
    limits.onReached = (limit) => this.#onLimit(limit);
  }

  /** Whether the child has exited. Its descendants may still be running. */
  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Resolves when the child has exited. */
  get exited(): Promise<void> {
    return this.#exited.promise;
  }

  /** Throws a {@linkcode CancelledError} if an abort signal has ended the run. */
  throwIfCancelled(): void {
    if (this.#limits.reached === "cancelled") throwIfCancelled(this.spec);
  }

  /**
   * Calls `action` with the outcome once the run has completed and a caller has asked
   * for it. Not called for runs that were killed, except at their deadline, nor if some
   * of stdout was left unread.
   */
  onComplete(action: (outcome: Outcome) => void): void {
    this.#completionActions.push(action);
  }

  /** Call when a caller asks for the outcome; see {@linkcode Run.onComplete}. */
  requestOutcome(): void {
    this.#isOutcomeRequested = true;
    this.#notifyIfComplete();
  }

  /** How long the run has been going on, or took, in milliseconds. */
  get elapsed(): number {
    return this.#hasCompleted
      ? this.#duration
      : performance.now() - this.started;
  }

  /** The errors of line handlers and tees. */
  get handlerErrors(): readonly unknown[] {
    return this.#listenerErrors.all;
  }

  /** The errors of line handlers, without those of tees. */
  get handlerFailures(): readonly HandlerFailure[] {
    const { program, args } = this.spec;
    return this.#listenerErrors.thrown.map((error) => ({
      program,
      args,
      error,
    }));
  }

  /**
   * Returns the outcome. Call it only after `completed` has resolved.
   *
   * @throws the error that the run failed with
   */
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

  /**
   * Returns the result. Call it only after `completed` has resolved.
   *
   * @throws the error that the run failed with
   */
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
      // The time that a simulated run takes says nothing about the real one.
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

  /**
   * Returns all output, including what the limits dropped. Requires a command with a
   * transcript.
   */
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

  /** The streams whose output is incomplete. */
  get truncated(): readonly OutputStream[] {
    return STREAMS.filter((name) =>
      this[name]?.truncated || this.backend.truncated.includes(name)
    );
  }

  /** The streams that were cut; output that the limits dropped does not count. */
  get #cutStreams(): readonly OutputStream[] {
    return STREAMS.filter((name) =>
      this[name]?.wasCut || this.backend.truncated.includes(name)
    );
  }

  /** Kills what an exited child has left running. */
  killLeftovers(): void {
    if (!this.#isClosed) this.backend.tree.killLeftovers();
  }

  /**
   * Kills the tree. Output, listeners and consumers then have a limited time to finish.
   */
  kill(): void {
    this.#teardown?.[Symbol.dispose]();
    if (this.#isClosed) return;
    this.#wasKilled = true;
    this.backend.tree.kill();
    this.#drain.cutWhenIdle();
    const listenerTime = this.#limits.reached === "cancelled"
      ? 0
      : IDLE_AFTER_KILL_MS;
    this.#after(listenerTime, () => this.#abandon());
    this.#after(KILL_TIMEOUT_MS, () => {
      this.backend.unref();
      this.#exit.resolve(null);
    });
  }

  /**
   * Sends `signal` to the tree, and kills it after `grace` milliseconds. Resolves when
   * the tree is empty or was killed.
   */
  async tearDown(signal: string, grace: number): Promise<void> {
    if (this.#isClosed) return;
    if (this.#teardown === null) {
      this.#teardown = new Teardown(this.backend.tree, {
        signal,
        grace,
        onExpired: () => this.kill(),
      });
    } else if (grace === 0) this.kill();
    else this.#teardown.shorten(grace);
    await this.#teardown.finished;
  }

  /** Kills the tree, closes everything, and waits until the run is closed. */
  async dispose(): Promise<void> {
    if (
      this.#isOutcomeRequested && this.#completionActions.length > 0 &&
      !this.#hasCompleted &&
      this.stdout?.isFinished !== false
    ) {
      // A recording keeps the outcome, and all output has been read: the process is
      // about to exit.
      await this.#completesWithin(COMPLETION_TIMEOUT_MS);
    }
    this.#isDisposed = true;
    this.#abandon();
    this.kill();
    for (const output of this.#outputs) output.cut();
    await this.closed;
  }

  async #runToEnd(resolveCompleted: () => void): Promise<void> {
    try {
      const outcome = await this.#exit.promise;
      if (outcome !== null) this.#outcome = outcome;
      this.#hasExited = true;
      this.#exited.resolve();
      this.backend.tree.childExited();
      // Processes that received the first signal may use their grace time, and their
      // pipes stay open.
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
      resolveCompleted();
      await this.stdout.finished.catch(() => {});
      this.#notifyIfComplete();
    }
    this.#isClosed = true;
    this.#limits[Symbol.dispose]();
    this.#teardown?.[Symbol.dispose]();
    for (const timer of this.#timers) clearTimeout(timer);
    // Awaited only if there is something to wait for: a turn of the event loop takes
    // time.
    const closing = this.backend.close();
    if (closing !== undefined) await closing;
    resolveCompleted();
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
      // Output for the next stage is not part of the result.
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

  /** Stops waiting for listeners and consumers. */
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
      // A run that failed has no outcome. A caller that waits for the run gets the
      // error.
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
    const timeUp = Promise.withResolvers<void>();
    const timer = setTimeout(timeUp.resolve, ms);
    await Promise.race([this.completed, timeUp.promise]);
    clearTimeout(timer);
  }

  #after(ms: number, action: () => void): void {
    this.#timers.add(setTimeout(action, ms));
  }
}

/** Waits until the run is closed, and returns its result with stdout as text. */
export async function textOf(run: Run): Promise<ProcessResult<string>> {
  await run.closed;
  return run.result((stdout) => stdout?.text() ?? "");
}

/** Waits until the run is closed, and returns its result with stdout as bytes. */
export async function bytesOf(run: Run): Promise<ProcessResult<Uint8Array>> {
  await run.closed;
  return run.result((stdout) => stdout?.bytes() ?? new Uint8Array(0));
}
