import { counted, INSPECT } from "../outcome/inspect.ts";
import {
  checkAbortSignal,
  checkArity,
  checkFunction,
  checkMilliseconds,
  checkOptions,
  checkWholeNumber,
} from "../command/checks.ts";
import { checkCommand, type Command } from "../command/command.ts";
import { checkRunner } from "../command/default_runner.ts";
import type { ProcessResult } from "../outcome/result.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import type { Clock } from "./clock.ts";
import {
  DEFAULTS,
  type HealthCheck,
  type HealthCheckOptions,
  type RestartPolicy,
  type SupervisionPlan,
} from "./plan.ts";
import type { SupervisionOutcome } from "./supervision_outcome.ts";
import { superviseBy, type SupervisionSession } from "./supervision_session.ts";

/**
 * Keeps a program running: starts it again when it ends, later and later if it keeps
 * crashing. Immutable, like a command.
 *
 * A crash is an end that is no success: an exit code outside of `okCodes`, a signal, a
 * deadline, a failed health check, a program that cannot be started; but for one that is
 * not there to begin with, which is a `NotFoundError` at once. When a run has ended,
 * these are asked in this order whether there is to be another: an abort
 * (`CancelledError`), `stop`, `stopWhen`, `restart`, `giveUpWhen` and `maxRestarts`.
 *
 * Of a command without an `outputBuffer` the last 1 MiB of each stream is kept, since it
 * may run for months. Its `retry` does not apply.
 *
 * @example
 * ```ts
 * import { Command, Supervisor } from "@processkit/processkit";
 *
 * const supervisor = new Supervisor(new Command("sh", ["-c", "exit 3"]))
 *   .maxRestarts(2)
 *   .backoff(10);
 * const { reason, restarts, result } = await supervisor.run();
 * console.log(reason, restarts, result?.code); // max-restarts 2 3
 * ```
 */
export class Supervisor {
  #plan: SupervisionPlan;

  /** Describes the supervision of a command; nothing is started. */
  constructor(command: Command) {
    checkCommand("a supervisor", command);
    this.#plan = { ...DEFAULTS, command };
    Object.freeze(this);
  }

  /**
   * Says after which ends the program is started again; `"on-crash"` unless it is said.
   *
   * @throws {TypeError} if the policy is unknown
   */
  restart(policy: RestartPolicy): Supervisor {
    if (!POLICIES.includes(policy)) {
      throw new TypeError(
        `restart: expected "on-crash", "always" or "never", got ${
          JSON.stringify(policy)
        }`,
      );
    }
    return this.#with({ restart: policy });
  }

  /**
   * Says how often it may be started again; without this there is no limit.
   *
   * @throws {RangeError} if it is no whole number, nor `Infinity`
   */
  maxRestarts(restarts: number): Supervisor {
    if (restarts !== Infinity) checkWholeNumber("maxRestarts", restarts, 0);
    return this.#with({ maxRestarts: restarts });
  }

  /**
   * Says how long to wait before it is started again: `base` milliseconds, and `factor`
   * times as long with every further crash in a row. 500 ms and 2 unless it is said. A
   * success, and a run that lasted ({@linkcode Supervisor.resetAfter}), begin anew.
   *
   * @throws {RangeError} if `base` is no duration, or `factor` is below 1
   */
  backoff(base: number, factor: number = DEFAULTS.backoff.factor): Supervisor {
    checkMilliseconds("backoff", base);
    return this.#with({
      backoff: { base, factor: checkNumber("backoff: factor", factor, 1) },
    });
  }

  /**
   * Bounds that wait, in milliseconds; 30 seconds unless it is said.
   *
   * @throws {RangeError} if it is no duration
   */
  maxBackoff(ms: number): Supervisor {
    return this.#with({ maxBackoff: checkMilliseconds("maxBackoff", ms) });
  }

  /**
   * Says which part of that wait is left to chance, so that many programs that crashed
   * together do not come back together: from 0 for none of it to 1 for all; 0.5 unless it
   * is said, which makes it between half and all of what it would be.
   *
   * @throws {RangeError} if it is not from 0 to 1
   */
  jitter(fraction: number): Supervisor {
    return this.#with({ jitter: checkNumber("jitter", fraction, 0, 1) });
  }

  /**
   * Says how long a run has to last, in milliseconds, for its crash to count as the first
   * one again; 30 seconds unless it is said.
   *
   * @throws {RangeError} if it is no duration
   */
  resetAfter(ms: number): Supervisor {
    return this.#with({ resetAfter: checkMilliseconds("resetAfter", ms) });
  }

  /**
   * Has it wait at least `ms` milliseconds when crashes come too fast: when a score, to
   * which each adds 1 and which halves every {@linkcode Supervisor.failureDecay}, is
   * above {@linkcode Supervisor.failureThreshold}. The score then begins at 0 again. No
   * such pause unless this says how long.
   *
   * @throws {RangeError} if it is no duration
   */
  stormPause(ms: number): Supervisor {
    return this.#with({ stormPause: checkMilliseconds("stormPause", ms) });
  }

  /**
   * Sets the score above which there is a {@linkcode Supervisor.stormPause}; 5 unless it
   * is said.
   *
   * @throws {RangeError} if it is negative
   */
  failureThreshold(score: number): Supervisor {
    return this.#with({
      failureThreshold: checkNumber("failureThreshold", score, 0),
    });
  }

  /**
   * Sets how long that score takes to halve, in milliseconds; a minute unless it is said.
   *
   * @throws {RangeError} if it is no duration above 0
   */
  failureDecay(ms: number): Supervisor {
    return this.#with({ failureDecay: checkSomeTime("failureDecay", ms) });
  }

  /**
   * Has the program checked while it runs. When several checks in a row have failed (it
   * was `false`, it threw, it took too long), the program is ended as it is at a deadline,
   * with its `timeoutSignal` and `timeoutGrace`, and that counts as a crash, however it
   * then ends: a `NotReadyError` for {@linkcode Supervisor.giveUpWhen}.
   *
   * @throws {RangeError} if one of the options is out of range
   *
   * @example
   * ```ts
   * import { Command, Supervisor } from "@processkit/processkit";
   *
   * const isWell = async () => (await fetch("http://127.0.0.1:8123/health")).ok;
   * const server = new Supervisor(new Command("my-server").timeoutGrace(2000))
   *   .healthCheck(isWell, { every: 5000, within: 1000 });
   * const main = () => server.run();
   * ```
   */
  healthCheck(check: HealthCheck, options: HealthCheckOptions): Supervisor {
    checkFunction("healthCheck", check);
    checkOptions("healthCheck", options, HEALTH_OPTIONS);
    const { every, within = every, failures = 3, startAfter = every } = options;
    checkSomeTime("healthCheck: every", every);
    checkMilliseconds("healthCheck: within", within);
    checkMilliseconds("healthCheck: startAfter", startAfter);
    checkWholeNumber("healthCheck: failures", failures, 1);
    return this.#with({
      health: { check, every, within, failures, startAfter },
    });
  }

  /**
   * Ends the supervision after a run for whose result this is true, whatever it is. It is
   * not asked of a run that came to an error: that could not be started, or whose health
   * check failed.
   *
   * @throws {TypeError} if it is no function
   */
  stopWhen(
    predicate: (result: ProcessResult<string>) => boolean | Promise<boolean>,
  ): Supervisor {
    return this.#with({ stopWhen: checkFunction("stopWhen", predicate) });
  }

  /**
   * Ends the supervision after a crash that no new start would mend. The predicate gets
   * what `checked` would have thrown: `ExitError`, `SignalledError`, `TimeoutError`,
   * `NotFoundError` and the like, or the `NotReadyError` of a failed health check.
   *
   * @throws {TypeError} if it is no function
   */
  giveUpWhen(
    predicate: (error: unknown) => boolean | Promise<boolean>,
  ): Supervisor {
    return this.#with({ giveUpWhen: checkFunction("giveUpWhen", predicate) });
  }

  /**
   * Ends the program, with all it started, and the supervision, when the signal fires. A
   * second call adds a signal.
   *
   * @throws {TypeError} if it is no `AbortSignal`
   */
  cancelOn(signal: AbortSignal): Supervisor {
    const added = checkAbortSignal("cancelOn", signal);
    return this.#with({ cancelOn: [...this.#plan.cancelOn, added] });
  }

  /**
   * Has this runner start the program, in place of the one behind a command's own verbs.
   *
   * @throws {TypeError} if it is no `ProcessRunner`
   */
  withRunner(runner: ProcessRunner): Supervisor {
    return this.#with({ runner: checkRunner("withRunner", runner) });
  }

  /**
   * Takes the time from this clock: for tests, which need not wait then.
   *
   * @throws {TypeError} if it has not both functions
   */
  withClock(clock: Clock): Supervisor {
    checkFunction("withClock: now", clock?.now);
    checkFunction("withClock: sleep", clock.sleep);
    return this.#with({ clock });
  }

  /**
   * Takes chance from this function, which returns numbers from 0 up to 1: for tests.
   *
   * @throws {TypeError} if it is no function
   */
  withRandom(random: () => number): Supervisor {
    return this.#with({ random: checkFunction("withRandom", random) });
  }

  /**
   * Keeps the program running until that has an end.
   *
   * @throws {CancelledError} if an abort signal of this, or of the command, fired
   * @throws {NotFoundError} if the program is not there to begin with
   * @throws {UnsupportedError} if the command's stdin is a one-shot source, unless it is to be started once only
   * @throws what no new start can mend: a cassette that has no such recording, what a predicate throws
   */
  async run(): Promise<SupervisionOutcome> {
    checkArity(
      "run",
      arguments,
      0,
      "use withRunner(runner) for another runner, and cancelOn(signal) to end it",
    );
    return await superviseBy(this.#plan).wait();
  }

  /**
   * Keeps the program running, and returns at once: to see how it stands, and to stop it.
   *
   * @throws {UnsupportedError} if the command's stdin is a one-shot source, unless it is to be started once only
   */
  start(): SupervisionSession {
    checkArity(
      "start",
      arguments,
      0,
      "use withRunner(runner) for another runner, and cancelOn(signal) to end it",
    );
    return superviseBy(this.#plan);
  }

  /** The command and the restart policy, in one line. */
  toString(): string {
    const { command, restart, maxRestarts } = this.#plan;
    const most = maxRestarts === Infinity
      ? ""
      : `, at most ${counted(maxRestarts, "restart")}`;
    return `${command}, restart ${restart}${most}`;
  }

  /** What `console.log` prints; see {@linkcode Supervisor.toString}. */
  [INSPECT](): string {
    return `Supervisor { ${this} }`;
  }

  #with(changes: Partial<SupervisionPlan>): Supervisor {
    const copy = new Supervisor(this.#plan.command);
    copy.#plan = Object.freeze({ ...this.#plan, ...changes });
    return copy;
  }
}

const HEALTH_OPTIONS: Readonly<Record<keyof HealthCheckOptions, true>> = {
  every: true,
  within: true,
  failures: true,
  startAfter: true,
};

const POLICIES: readonly RestartPolicy[] = ["on-crash", "always", "never"];

/** Refuses what is no duration, or none at all. */
function checkSomeTime(what: string, ms: number): number {
  if (checkMilliseconds(what, ms) > 0) return ms;
  throw new RangeError(`${what}: expected more than 0 ms`);
}

function checkNumber(
  what: string,
  value: number,
  least: number,
  most: number = Number.MAX_VALUE,
): number {
  if (typeof value === "number" && value >= least && value <= most) {
    return value;
  }
  const range = most === Number.MAX_VALUE
    ? `of at least ${least}`
    : `from ${least} to ${most}`;
  throw new RangeError(`${what}: expected a number ${range}, got ${value}`);
}
