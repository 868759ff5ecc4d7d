import { checkMilliseconds } from "../command/checks.ts";
import { type Command, specOf } from "../command/command.ts";
import { defaultRunner } from "../command/default_runner.ts";
import {
  type AnyProcessKitError,
  isProcessKitError,
} from "../outcome/any_error.ts";
import {
  CancelledError,
  isNotFound,
  NotReadyError,
  UnsupportedError,
} from "../outcome/errors.ts";
import { counted, INSPECT } from "../outcome/inspect.ts";
import { isPermissionRefusal } from "../outcome/permission_refusal.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { isLimited } from "../output/buffer_limits.ts";
import {
  type ProcessRunner,
  waitsBetweenRuns,
} from "../runner/process_runner.ts";
import { throwIfCancelled } from "../runner/run_limits.ts";
import { type RunningProcess, runOf } from "../runner/running_process.ts";
import { Backoff } from "./backoff.ts";
import { FailureStorm } from "./failure_storm.ts";
import { becomesUnhealthy } from "./health_check.ts";
import type { SupervisionPlan } from "./plan.ts";
import type {
  SupervisionOutcome,
  SupervisionState,
  SupervisionStatus,
  SupervisionStopReason,
} from "./supervision_outcome.ts";

/** Starts a supervision. Assigned in the static block of {@linkcode SupervisionSession}, whose constructor is private. */
export let startSession: (plan: SupervisionPlan) => SupervisionSession;

/** What the supervisor knows about a completed run. */
interface CompletedRun {
  readonly result: ProcessResult<string> | null;
  /** The error that the outcome of the supervision reports, or `null`. */
  readonly error: AnyProcessKitError | null;
  /** The error for `giveUpWhen` if the run is a crash, or `null`. */
  readonly failure: unknown;
  /** In milliseconds. */
  readonly duration: number;
}

/** How long a start may take to react to its abort signal before it is abandoned. */
const START_ABORT_TIMEOUT_MS = 1000;

/** How much of each output stream is kept by default: a supervised program can run for months. */
const MAX_KEPT_BYTES = 2 ** 20;

/**
 * Controls a supervision while it runs. Disposing it kills the program and everything it
 * started, and ends the supervision.
 *
 * @example
 * ```ts
 * import { Command, Supervisor } from "@processkit/processkit";
 *
 * await using session = new Supervisor(new Command("sleep", ["600"])).start();
 * console.log(session.status());
 * const { reason, result } = await session.stop(2000);
 * console.log(reason, result?.outcome); // such as stopped { kind: "signalled", signal: 15 }
 * ```
 */
export class SupervisionSession implements AsyncDisposable {
  static {
    startSession = (plan) => new SupervisionSession(plan);
  }

  readonly #plan: SupervisionPlan;
  readonly #command: Command;
  readonly #backoff: Backoff;
  readonly #storm: FailureStorm;
  readonly #outcome: Promise<SupervisionOutcome>;
  /** Cancels a pending start or delay when the supervision is stopped or aborted. */
  readonly #cancelWait = new AbortController();
  readonly #onAbort = () => this.#cancelWait.abort();
  #state: SupervisionState = "starting";
  #process: RunningProcess | null = null;
  #restarts = 0;
  #stormPauses = 0;
  #livenessKills = 0;
  /** The grace of `stop` in milliseconds, or `null` before `stop` is called. */
  #grace: number | null = null;

  private constructor(plan: SupervisionPlan) {
    this.#plan = plan;
    this.#command = supervisedCommand(plan);
    this.#backoff = new Backoff(plan);
    this.#storm = new FailureStorm(plan);
    for (const signal of specOf(this.#command).cancelOn) {
      signal.addEventListener("abort", this.#onAbort);
    }
    this.#outcome = this.#supervise().finally(() => this.#finish());
    // Without this, a failure before the caller waits would be an unhandled rejection.
    this.#outcome.catch(() => {});
  }

  /** Returns a snapshot: the state, the process ID and the counts. */
  status(): SupervisionStatus {
    return Object.freeze({
      state: this.#state,
      pid: this.#process?.pid ?? null,
      ...this.#counts,
    });
  }

  /**
   * Waits for the end of the supervision and returns its outcome.
   *
   * @throws {CancelledError} if an abort signal of the supervisor or of the command fired
   * @throws {NotFoundError} if the program does not exist at the first start
   * @throws {UnsupportedError} if the runner cannot start the command
   * @throws {CassetteMissError} if a replay has no recorded run for the command
   * @throws what `stopWhen` or `giveUpWhen` threw
   */
  async wait(): Promise<SupervisionOutcome> {
    return await this.#outcome;
  }

  /**
   * Stops the program and ends the supervision. Sends SIGTERM to the program and everything
   * it started, waits up to `grace` milliseconds, and then sends SIGKILL to any process that
   * is left. With 0, SIGKILL is sent at once. A second call can shorten the grace.
   *
   * @throws {RangeError} if `grace` is negative or too long for a timer
   * @throws what {@linkcode SupervisionSession.wait} throws
   */
  async stop(grace: number): Promise<SupervisionOutcome> {
    checkMilliseconds("stop", grace);
    this.#grace = Math.min(grace, this.#grace ?? Infinity);
    if (this.#state !== "ended") this.#state = "stopping";
    this.#cancelWait.abort();
    this.#shutDownProcess();
    return await this.#outcome;
  }

  /** Returns one line: the command, the state and the number of restarts. */
  toString(): string {
    return `${this.#plan.command}, ${this.#state}, ${
      counted(this.#restarts, "restart")
    }`;
  }

  /** Returns what `console.log` prints; see {@linkcode SupervisionSession.toString}. */
  [INSPECT](): string {
    return `SupervisionSession { ${this} }`;
  }

  /** Kills the program and everything it started, and ends the supervision. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0).catch(() => {});
  }

  get #counts(): Pick<
    SupervisionStatus,
    "restarts" | "stormPauses" | "livenessKills"
  > {
    return {
      restarts: this.#restarts,
      stormPauses: this.#stormPauses,
      livenessKills: this.#livenessKills,
    };
  }

  get #runner(): ProcessRunner {
    return this.#plan.runner ?? specOf(this.#command).runner ??
      defaultRunner();
  }

  async #supervise(): Promise<SupervisionOutcome> {
    for (;; this.#restarts++) {
      const run = await this.#runOnce();
      const reason = await this.#stopReason(run) ?? await this.#pause(run);
      if (reason !== null) {
        const { result, error } = run;
        return Object.freeze({ reason, result, error, ...this.#counts });
      }
    }
  }

  /** Returns why the supervision ends after a run, or `null`. The first condition that applies counts. */
  async #stopReason(
    { result, error, failure }: CompletedRun,
  ): Promise<SupervisionStopReason | null> {
    const { restart, maxRestarts, stopWhen, giveUpWhen } = this.#plan;
    throwIfCancelled(specOf(this.#command));
    if (this.#grace !== null) return "stopped";
    if (result !== null && error === null && await stopWhen?.(result)) {
      return "stop-when";
    }
    const isCrash = failure !== null;
    if (restart === "never" || (restart === "on-crash" && !isCrash)) {
      return "policy";
    }
    if (isCrash && await giveUpWhen?.(failure)) return "gave-up";
    return this.#restarts >= maxRestarts ? "max-restarts" : null;
  }

  /** Waits before a restart. Returns `"stopped"` if `stop` was called meanwhile. */
  async #pause({ failure, duration }: CompletedRun): Promise<"stopped" | null> {
    const { clock, stormPause } = this.#plan;
    const isCrash = failure !== null;
    this.#backoff.recordRun({ isCrash, duration });
    const isStorm = isCrash && this.#storm.recordCrash();
    if (isStorm) this.#stormPauses++;
    this.#state = isStorm ? "storm-pause" : "backing-off";
    const delay = Math.max(this.#backoff.nextDelay(), isStorm ? stormPause : 0);
    const waits = waitsBetweenRuns(this.#runner);
    // Sleeps also for 0 ms: a cassette can repeat a recorded crash without end, and other
    // tasks, such as a call of `stop`, have to run in between.
    await clock.sleep(waits ? delay : 0, this.#cancelWait.signal);
    throwIfCancelled(specOf(this.#command));
    return this.#grace === null ? null : "stopped";
  }

  async #runOnce(): Promise<CompletedRun> {
    const { clock } = this.#plan;
    const startedAt = clock.now();
    this.#setState("starting");
    try {
      const live = await this.#start();
      if (live !== null) return await this.#runToEnd(live, startedAt);
      return { result: null, error: null, failure: null, duration: 0 };
    } catch (error) {
      // A program that does not exist at the first start is a mistake of the caller.
      if (!isCrashError(error) || (isNotFound(error) && this.#restarts === 0)) {
        throw error;
      }
      const duration = clock.now() - startedAt;
      return { result: null, error, failure: error, duration };
    } finally {
      this.#process = null;
    }
  }

  /** Starts the program. Returns `null` if the supervision is stopped before the program has started. */
  async #start(): Promise<RunningProcess | null> {
    const startAbort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<null>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const cancelStart = () => {
      startAbort.abort();
      timer = setTimeout(() => resolve(null), START_ABORT_TIMEOUT_MS);
    };
    const { signal } = this.#cancelWait;
    signal.addEventListener("abort", cancelStart);
    if (signal.aborted) cancelStart();
    const command = this.#command.cancelOn(startAbort.signal);
    const runner = this.#runner;
    const starting = Promise.try(() => runner.start(command));
    try {
      const live = await Promise.race([starting, promise]);
      if (live === null) {
        starting.then((late) => late[Symbol.asyncDispose](), () => {});
      }
      if (!startAbort.signal.aborted) return live;
      await live?.[Symbol.asyncDispose]();
      return null;
    } catch (error) {
      if (startAbort.signal.aborted && error instanceof CancelledError) {
        return null;
      }
      throw error;
    } finally {
      signal.removeEventListener("abort", cancelStart);
      clearTimeout(timer);
    }
  }

  async #runToEnd(
    started: RunningProcess,
    startedAt: number,
  ): Promise<CompletedRun> {
    await using live = started;
    this.#process = live;
    this.#setState("running");
    // `stop` may have been called during the start.
    this.#shutDownProcess();
    const exited = new AbortController();
    const healthCheck = this.#watchHealth(live, exited.signal);
    try {
      const result = await live.outputString();
      exited.abort();
      const error = await healthCheck;
      const duration = this.#plan.clock.now() - startedAt;
      return { result, error, failure: error ?? failureOf(result), duration };
    } finally {
      exited.abort();
    }
  }

  /** Stops the program, as at its deadline, when its health check fails. Returns the error, or `null` after an exit. */
  async #watchHealth(
    process: RunningProcess,
    signal: AbortSignal,
  ): Promise<NotReadyError | null> {
    if (!await becomesUnhealthy(process, this.#plan, signal)) return null;
    this.#livenessKills++;
    const { program, timeoutSignal, timeoutGrace } = specOf(this.#command);
    runOf(process).tearDown(timeoutSignal, timeoutGrace);
    return new NotReadyError(
      program,
      `its health check failed ${
        this.#plan.health!.failures
      } times in a row, so it was stopped`,
    );
  }

  #shutDownProcess(): void {
    if (this.#grace === null) return;
    // `#runToEnd` reports how the process ends.
    this.#process?.shutdown(this.#grace).catch(() => {});
  }

  /** Sets the state, unless `stop` was called: it then stays `"stopping"`. */
  #setState(state: "starting" | "running"): void {
    if (this.#grace === null) this.#state = state;
  }

  #finish(): void {
    this.#state = "ended";
    for (const signal of specOf(this.#command).cancelOn) {
      signal.removeEventListener("abort", this.#onAbort);
    }
  }
}

/** Returns the command with the abort signals of the supervisor and a limited output buffer. */
function supervisedCommand(
  { command, cancelOn, restart }: SupervisionPlan,
): Command {
  const { program, stdin, outputBuffer } = specOf(command);
  if (restart !== "never" && stdin !== "inherit" && stdin.isOneShot) {
    throw new UnsupportedError(
      "supervising a command with a one-shot stdin",
      'it could be started only once; use Stdin.fromBytes or Stdin.fromFile, or restart("never")',
      { program },
    );
  }
  const limited = isLimited(outputBuffer)
    ? command
    : command.outputBuffer({ maxBytes: MAX_KEPT_BYTES });
  return cancelOn.reduce(
    (command, signal) => command.cancelOn(signal),
    limited,
  );
}

/** Returns the error that `ensureSuccess` throws for a result, or `null` for a success. */
function failureOf(result: ProcessResult<string>): unknown {
  try {
    result.ensureSuccess();
    return null;
  } catch (error) {
    return error;
  }
}

/** The kinds of errors that count as a crash. A restart cannot fix any other error. */
const CRASHES: ReadonlySet<string> = new Set([
  "not-found",
  "spawn",
  "stdin",
  "timeout",
  "output-too-large",
]);

function isCrashError(error: unknown): error is AnyProcessKitError {
  return isProcessKitError(error) && CRASHES.has(error.kind) &&
    !isPermissionRefusal(error);
}
