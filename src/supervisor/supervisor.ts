import {
  checkAbortSignal,
  checkArity,
  checkFunction,
  checkMilliseconds,
  checkOptions,
  checkWholeNumber,
  shownValue,
} from "../command/checks.ts";
import { checkCommand, type Command } from "../command/command.ts";
import { checkRunner } from "../command/default_runner.ts";
import { counted, INSPECT } from "../outcome/inspect.ts";
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
import {
  startSession,
  type SupervisionSession,
} from "./supervision_session.ts";

/**
 * Keeps a program running: restarts it when it exits, after a delay that grows while the
 * program keeps crashing. A supervisor is immutable, like a command.
 *
 * A crash is any run that does not succeed: an exit code that is not among `okCodes`, a
 * signal, a timeout, a failed health check, a failed stdin source, too much output, or a
 * program that cannot be started. A program that does not exist at the first start is not
 * restarted: the supervision rejects with a `NotFoundError`.
 *
 * After each run the supervisor evaluates these conditions in order, and the first that
 * applies ends the supervision: an abort signal (`CancelledError`), `stop`, `stopWhen`,
 * `restart`, `giveUpWhen` and `maxRestarts`.
 *
 * If the command sets no `outputBuffer`, the last 1 MiB of each stream is kept. The
 * command's `retry` is ignored.
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

  /**
   * Creates a supervisor of a command. Nothing is started.
   *
   * @throws {TypeError} if `command` is not a `Command`
   */
  constructor(command: Command) {
    checkCommand("a supervisor", command);
    this.#plan = { ...DEFAULTS, command };
    Object.freeze(this);
  }

  /**
   * Sets when the program is restarted: `"on-crash"`, `"always"` (after every exit) or
   * `"never"`.
   *
   * @default {"on-crash"}
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
   * Limits the number of restarts.
   *
   * @default {Infinity}
   * @throws {RangeError} if it is neither a whole number of at least 0 nor `Infinity`
   */
  maxRestarts(restarts: number): Supervisor {
    if (restarts !== Infinity) checkWholeNumber("maxRestarts", restarts, 0);
    return this.#with({ maxRestarts: restarts });
  }

  /**
   * Sets the delay before a restart: `base` milliseconds, multiplied by `factor` for every
   * further crash in a row. A success or a long run (see {@linkcode Supervisor.resetAfter})
   * resets the delay to `base`.
   *
   * @default {500 ms, factor 2}
   * @throws {RangeError} if `base` is negative or too long for a timer, or `factor` is less than 1
   */
  backoff(base: number, factor: number = DEFAULTS.backoff.factor): Supervisor {
    checkMilliseconds("backoff", base);
    return this.#with({
      backoff: { base, factor: checkNumber("backoff: factor", factor, 1) },
    });
  }

  /**
   * Sets the maximum of the delay of {@linkcode Supervisor.backoff}, in milliseconds.
   *
   * @default {30,000 ms}
   * @throws {RangeError} if it is negative or too long for a timer
   */
  maxBackoff(ms: number): Supervisor {
    return this.#with({ maxBackoff: checkMilliseconds("maxBackoff", ms) });
  }

  /**
   * Sets the random part of the delay of {@linkcode Supervisor.backoff}, from 0 to 1. With
   * 0.5, the delay is a random time between half of its value and all of it. Jitter keeps
   * programs that crashed at the same time from restarting at the same time.
   *
   * @default {0.5}
   * @throws {RangeError} if it is not a number from 0 to 1
   */
  jitter(fraction: number): Supervisor {
    return this.#with({ jitter: checkNumber("jitter", fraction, 0, 1) });
  }

  /**
   * Sets the duration in milliseconds after which a run counts as stable. If a stable run
   * crashes, the delay of {@linkcode Supervisor.backoff} starts at its base again.
   *
   * @default {30,000 ms}
   * @throws {RangeError} if it is negative or too long for a timer
   */
  resetAfter(ms: number): Supervisor {
    return this.#with({ resetAfter: checkMilliseconds("resetAfter", ms) });
  }

  /**
   * Sets the minimum delay after many crashes in quick succession, in milliseconds; 0
   * disables it.
   *
   * Each crash adds 1 to a score, which halves every {@linkcode Supervisor.failureDecay}
   * milliseconds. When the score exceeds {@linkcode Supervisor.failureThreshold}, the
   * supervisor waits for at least `ms` milliseconds and resets the score to 0.
   *
   * @default {0}
   * @throws {RangeError} if it is negative or too long for a timer
   */
  stormPause(ms: number): Supervisor {
    return this.#with({ stormPause: checkMilliseconds("stormPause", ms) });
  }

  /**
   * Sets the score above which the supervisor makes a {@linkcode Supervisor.stormPause}.
   *
   * @default {5}
   * @throws {RangeError} if it is negative or not a number
   */
  failureThreshold(score: number): Supervisor {
    return this.#with({
      failureThreshold: checkNumber("failureThreshold", score, 0),
    });
  }

  /**
   * Sets the half-life of the score of {@linkcode Supervisor.stormPause}, in milliseconds.
   *
   * @default {60,000 ms}
   * @throws {RangeError} if it is not greater than 0, or too long for a timer
   */
  failureDecay(ms: number): Supervisor {
    return this.#with({
      failureDecay: checkPositiveMilliseconds("failureDecay", ms),
    });
  }

  /**
   * Checks the health of the program periodically while it runs. A check fails if it returns
   * `false`, throws, or takes too long.
   *
   * When several checks in a row have failed, the supervisor stops the program as at a
   * deadline, by the command's `timeoutSignal` and `timeoutGrace`. The run counts as a crash,
   * whatever its exit code. {@linkcode Supervisor.giveUpWhen} receives a `NotReadyError`.
   *
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if `check` is not a function, or the name of an option is unknown
   *
   * @example
   * ```ts
   * import { Command, Supervisor } from "@processkit/processkit";
   *
   * const isHealthy = async () => (await fetch("http://127.0.0.1:8123/health")).ok;
   * const server = new Supervisor(new Command("my-server").timeoutGrace(2000))
   *   .healthCheck(isHealthy, { every: 5000, within: 1000 });
   * const main = () => server.run();
   * ```
   */
  healthCheck(check: HealthCheck, options: HealthCheckOptions): Supervisor {
    checkFunction("healthCheck", check);
    checkOptions("healthCheck", options, HEALTH_OPTIONS);
    const { every, within = every, failures = 3, startAfter = every } = options;
    checkPositiveMilliseconds("healthCheck: every", every);
    checkMilliseconds("healthCheck: within", within);
    checkMilliseconds("healthCheck: startAfter", startAfter);
    checkWholeNumber("healthCheck: failures", failures, 1);
    return this.#with({
      health: { check, every, within, failures, startAfter },
    });
  }

  /**
   * Ends the supervision after a run if `predicate` returns `true` for its result, which can
   * be a success or a crash. The predicate is not called for a run that could not be started
   * or whose health check failed.
   *
   * @throws {TypeError} if `predicate` is not a function
   */
  stopWhen(
    predicate: (result: ProcessResult<string>) => boolean | Promise<boolean>,
  ): Supervisor {
    return this.#with({ stopWhen: checkFunction("stopWhen", predicate) });
  }

  /**
   * Ends the supervision after a crash if `predicate` returns `true` for its error: a crash
   * that a restart cannot fix. The error is what `checked` would throw, such as an
   * `ExitError`, `SignalledError`, `TimeoutError` or `NotFoundError`, or the `NotReadyError`
   * of a failed health check.
   *
   * @throws {TypeError} if `predicate` is not a function
   *
   * @example
   * ```ts
   * import { Command, ExitError, Supervisor } from "@processkit/processkit";
   *
   * const supervisor = new Supervisor(new Command("sh", ["-c", "exit 2"]))
   *   .giveUpWhen((error) => error instanceof ExitError && error.code === 2);
   * console.log((await supervisor.run()).reason); // gave-up
   * ```
   */
  giveUpWhen(
    predicate: (error: unknown) => boolean | Promise<boolean>,
  ): Supervisor {
    return this.#with({ giveUpWhen: checkFunction("giveUpWhen", predicate) });
  }

  /**
   * Kills the program and everything it started, and ends the supervision, when `signal`
   * fires. A second call adds a signal.
   *
   * @throws {TypeError} if `signal` is not an `AbortSignal`
   */
  cancelOn(signal: AbortSignal): Supervisor {
    const added = checkAbortSignal("cancelOn", signal);
    return this.#with({ cancelOn: [...this.#plan.cancelOn, added] });
  }

  /**
   * Sets the runner that starts the program.
   *
   * @default {the runner of the command: see `Command.withRunner`}
   * @throws {TypeError} if `runner` is not a `ProcessRunner`
   */
  withRunner(runner: ProcessRunner): Supervisor {
    return this.#with({ runner: checkRunner("withRunner", runner) });
  }

  /**
   * Sets the clock. A test can pass a clock whose `sleep` returns at once.
   *
   * @default {the clock of the runtime}
   * @throws {TypeError} if `now` or `sleep` is not a function
   *
   * @example
   * ```ts
   * import { Command, Supervisor } from "@processkit/processkit";
   *
   * const clock = { now: () => 0, sleep: async () => {} };
   * const supervisor = new Supervisor(new Command("false")).maxRestarts(3).withClock(clock);
   * console.log((await supervisor.run()).restarts); // 3
   * ```
   */
  withClock(clock: Clock): Supervisor {
    checkFunction("withClock: now", clock?.now);
    checkFunction("withClock: sleep", clock.sleep);
    return this.#with({ clock });
  }

  /**
   * Sets the source of random numbers for {@linkcode Supervisor.jitter}: a function that
   * returns a number from 0 to less than 1. A test can pass a function with fixed results.
   *
   * @default {Math.random}
   * @throws {TypeError} if `random` is not a function
   */
  withRandom(random: () => number): Supervisor {
    return this.#with({ random: checkFunction("withRandom", random) });
  }

  /**
   * Starts the supervision, waits for its end, and returns its outcome.
   *
   * @throws {CancelledError} if an abort signal of the supervisor or of the command fired
   * @throws {NotFoundError} if the program does not exist at the first start
   * @throws {UnsupportedError} if the command's stdin is a one-shot source and the restart policy is not `"never"`
   * @throws {CassetteMissError} if a replay has no recorded run for the command
   * @throws what `stopWhen` or `giveUpWhen` threw
   */
  async run(): Promise<SupervisionOutcome> {
    checkArity(
      "run",
      arguments,
      0,
      "use withRunner(runner) for another runner, and cancelOn(signal) to end it",
    );
    return await startSession(this.#plan).wait();
  }

  /**
   * Starts the supervision and returns a session that can report its status and stop it.
   *
   * @throws {UnsupportedError} if the command's stdin is a one-shot source and the restart policy is not `"never"`
   */
  start(): SupervisionSession {
    checkArity(
      "start",
      arguments,
      0,
      "use withRunner(runner) for another runner, and cancelOn(signal) to end it",
    );
    return startSession(this.#plan);
  }

  /** Returns one line: the command and the restart policy. */
  toString(): string {
    const { command, restart, maxRestarts } = this.#plan;
    const limit = maxRestarts === Infinity
      ? ""
      : `, at most ${counted(maxRestarts, "restart")}`;
    return `${command}, restart ${restart}${limit}`;
  }

  /** Returns what `console.log` prints; see {@linkcode Supervisor.toString}. */
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

/** Checks that a number is a duration of more than 0 milliseconds. */
function checkPositiveMilliseconds(label: string, ms: number): number {
  if (checkMilliseconds(label, ms) > 0) return ms;
  throw new RangeError(`${label}: expected more than 0 ms, got ${ms}`);
}

/** Checks that a number is from `min` to `max`. */
function checkNumber(
  label: string,
  value: number,
  min: number,
  max: number = Number.MAX_VALUE,
): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  const range = max === Number.MAX_VALUE
    ? `of at least ${min}`
    : `from ${min} to ${max}`;
  throw new RangeError(
    `${label}: expected a number ${range}, got ${shownValue(value)}`,
  );
}
