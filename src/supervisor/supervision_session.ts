import { counted, INSPECT } from "../outcome/inspect.ts";
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
import { isWedged } from "./health_check.ts";
import type { SupervisionPlan } from "./plan.ts";
import type {
  SupervisionOutcome,
  SupervisionState,
  SupervisionStatus,
  SupervisionStopReason,
} from "./supervision_outcome.ts";

/** Makes a session, which begins at once; set by {@linkcode SupervisionSession} itself. */
export let superviseBy: (plan: SupervisionPlan) => SupervisionSession;

/** What one run came to. */
interface RunEnd {
  readonly result: ProcessResult<string> | null;
  /** What it failed with beyond that. */
  readonly error: AnyProcessKitError | null;
  /** What it is a crash by; `null` for none. */
  readonly failure: unknown;
  /** In milliseconds. */
  readonly lasted: number;
}

/** How long a start that was given up may take to notice. */
const PATIENCE_TO_START_MS = 1000;

/** How much of each stream is kept of a run that may last for months. */
const KEPT_BYTES = 2 ** 20;

/**
 * A supervision that is under way. Disposing it ends the program, and the
 * supervision with it.
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
    superviseBy = (plan) => new SupervisionSession(plan);
  }

  readonly #plan: SupervisionPlan;
  readonly #command: Command;
  readonly #backoff: Backoff;
  readonly #storm: FailureStorm;
  readonly #outcome: Promise<SupervisionOutcome>;
  /** Fires when nothing is to be waited for any more. */
  readonly #wake = new AbortController();
  readonly #onAbort = () => this.#wake.abort();
  #state: SupervisionState = "starting";
  #process: RunningProcess | null = null;
  #restarts = 0;
  #stormPauses = 0;
  #livenessKills = 0;
  /** How long the program has to end by itself, in milliseconds, once it was to stop. */
  #grace: number | null = null;

  private constructor(plan: SupervisionPlan) {
    this.#plan = plan;
    this.#command = supervised(plan);
    this.#backoff = new Backoff(plan);
    this.#storm = new FailureStorm(plan);
    for (const signal of specOf(this.#command).cancelOn) {
      signal.addEventListener("abort", this.#onAbort);
    }
    this.#outcome = this.#supervise().finally(() => this.#end());
    // Whoever waits still sees it; until then it is nobody's fault.
    this.#outcome.catch(() => {});
  }

  /** How it stands. */
  status(): SupervisionStatus {
    return Object.freeze({
      state: this.#state,
      pid: this.#process?.pid ?? null,
      ...this.#counts,
    });
  }

  /**
   * Waits for the end.
   *
   * @throws {CancelledError} if an abort signal of the supervisor, or of the command, fired
   * @throws {NotFoundError} if the program was not there to begin with
   * @throws what starting it again could not mend: {@linkcode UnsupportedError}, a cassette that has no such recording
   */
  async wait(): Promise<SupervisionOutcome> {
    return await this.#outcome;
  }

  /**
   * Ends the program, if it is there: SIGTERM to it and all it started, `grace`
   * milliseconds to go by themselves, and SIGKILL to who is left; and the supervision
   * with it. A second call may shorten the grace.
   *
   * @throws {RangeError} if the grace is negative or too long for a timer; and what {@linkcode SupervisionSession.wait} throws
   */
  async stop(grace: number): Promise<SupervisionOutcome> {
    checkMilliseconds("stop", grace);
    this.#grace = Math.min(grace, this.#grace ?? Infinity);
    if (this.#state !== "ended") this.#state = "stopping";
    this.#wake.abort();
    this.#shutDown();
    return await this.#outcome;
  }

  /** The command, what it is doing, and how often it was started again, in one line. */
  toString(): string {
    return `${this.#plan.command}, ${this.#state}, ${
      counted(this.#restarts, "restart")
    }`;
  }

  /** What `console.log` prints; see {@linkcode SupervisionSession.toString}. */
  [INSPECT](): string {
    return `SupervisionSession { ${this} }`;
  }

  /** Ends the program at once, and the supervision with it. Never rejects. */
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
      const end = await this.#run();
      const reason = await this.#reasonToStop(end) ?? await this.#pause(end);
      if (reason !== null) {
        const { result, error } = end;
        return Object.freeze({ reason, result, error, ...this.#counts });
      }
    }
  }

  /** Asks those who may say that it is not started again, in the order in which they count. */
  async #reasonToStop(
    { result, error, failure }: RunEnd,
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

  /** Waits before the program is started again; why it is not to be after all. */
  async #pause({ failure, lasted }: RunEnd): Promise<"stopped" | null> {
    const { clock, stormPause } = this.#plan;
    const isCrash = failure !== null;
    this.#backoff.ended({ isCrash, lasted });
    const isStorm = isCrash && this.#storm.crashed();
    if (isStorm) this.#stormPauses++;
    this.#state = isStorm ? "storm-pause" : "backing-off";
    const delay = Math.max(this.#backoff.next(), isStorm ? stormPause : 0);
    const waits = waitsBetweenRuns(this.#runner);
    // Others have their turn in any case: a recording repeats its end for ever.
    await clock.sleep(waits ? delay : 0, this.#wake.signal);
    throwIfCancelled(specOf(this.#command));
    return this.#grace === null ? null : "stopped";
  }

  async #run(): Promise<RunEnd> {
    const { clock } = this.#plan;
    const started = clock.now();
    this.#enter("starting");
    try {
      const live = await this.#start();
      if (live !== null) return await this.#live(live, started);
      return { result: null, error: null, failure: null, lasted: 0 };
    } catch (error) {
      // A program that was never there is a mistake, and would be tried for ever.
      if (!isCrash(error) || (isNotFound(error) && this.#restarts === 0)) {
        throw error;
      }
      const lasted = clock.now() - started;
      return { result: null, error, failure: error, lasted };
    } finally {
      this.#process = null;
    }
  }

  /** Starts the program; `null` if it was to stop before it was there. */
  async #start(): Promise<RunningProcess | null> {
    const noStart = new AbortController();
    const { promise, resolve } = Promise.withResolvers<null>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const giveUp = () => {
      noStart.abort();
      timer = setTimeout(() => resolve(null), PATIENCE_TO_START_MS);
    };
    const { signal } = this.#wake;
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    const command = this.#command.cancelOn(noStart.signal);
    const runner = this.#runner;
    const starting = Promise.try(() => runner.start(command));
    try {
      const live = await Promise.race([starting, promise]);
      if (live === null) {
        starting.then((late) => late[Symbol.asyncDispose](), () => {});
      }
      if (!noStart.signal.aborted) return live;
      await live?.[Symbol.asyncDispose]();
      return null;
    } catch (error) {
      if (noStart.signal.aborted && error instanceof CancelledError) {
        return null;
      }
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
      clearTimeout(timer);
    }
  }

  async #live(started: RunningProcess, since: number): Promise<RunEnd> {
    await using live = started;
    this.#process = live;
    this.#enter("running");
    // It may have been told to stop just before.
    this.#shutDown();
    const hasEnded = new AbortController();
    const watching = this.#watch(live, hasEnded.signal);
    try {
      const result = await live.outputString();
      hasEnded.abort();
      const error = await watching;
      const lasted = this.#plan.clock.now() - since;
      return { result, error, failure: error ?? failureOf(result), lasted };
    } finally {
      hasEnded.abort();
    }
  }

  /** Ends a program that is not well, as at its deadline; the error that this is, or `null`. */
  async #watch(
    process: RunningProcess,
    signal: AbortSignal,
  ): Promise<NotReadyError | null> {
    if (!await isWedged(process, this.#plan, signal)) return null;
    this.#livenessKills++;
    const { program, timeoutSignal, timeoutGrace } = specOf(this.#command);
    runOf(process).tearDown(timeoutSignal, timeoutGrace);
    return new NotReadyError(
      program,
      `its health check failed ${
        this.#plan.health!.failures
      } times in a row, and it was ended`,
    );
  }

  #shutDown(): void {
    if (this.#grace === null) return;
    // What it ends with is told by who waits for it.
    this.#process?.shutdown(this.#grace).catch(() => {});
  }

  #enter(state: "starting" | "running"): void {
    if (this.#grace === null) this.#state = state;
  }

  #end(): void {
    this.#state = "ended";
    for (const signal of specOf(this.#command).cancelOn) {
      signal.removeEventListener("abort", this.#onAbort);
    }
  }
}

/** The command as it is run: with the supervisor's own signals, and with less of its output than all. */
function supervised({ command, cancelOn, restart }: SupervisionPlan): Command {
  const { program, stdin, outputBuffer } = specOf(command);
  if (restart !== "never" && stdin !== "inherit" && stdin.isOneShot) {
    throw new UnsupportedError(
      "supervising a command with a one-shot stdin",
      'it could be started once only; use Stdin.fromBytes or Stdin.fromFile, or restart("never")',
      { program },
    );
  }
  const bounded = isLimited(outputBuffer)
    ? command
    : command.outputBuffer({ maxBytes: KEPT_BYTES });
  return cancelOn.reduce((so, signal) => so.cancelOn(signal), bounded);
}

/** What a result is an error of, or `null` for a success. */
function failureOf(result: ProcessResult<string>): unknown {
  try {
    result.ensureSuccess();
    return null;
  } catch (error) {
    return error;
  }
}

/** The errors of a run that may go better the next time; all others no new start can mend. */
const CRASHES: ReadonlySet<string> = new Set([
  "not-found",
  "spawn",
  "stdin",
  "timeout",
  "output-too-large",
]);

function isCrash(error: unknown): error is AnyProcessKitError {
  return isProcessKitError(error) && CRASHES.has(error.kind);
}
