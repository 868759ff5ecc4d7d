import {
  checkBoolean,
  checkMilliseconds,
  checkOptions,
} from "../command/checks.ts";
import type { Command } from "../command/command.ts";
import { checkSignal, type Signal } from "../command/signal.ts";
import { checkedContainment, Containment } from "../containment/containment.ts";
import type { ContainmentMechanism } from "../containment/mechanism.ts";
import type { ProcessForest } from "../containment/process_forest.ts";
import { Teardown } from "../containment/teardown.ts";
import { usageOf } from "../containment/usage.ts";
import { SpawnError } from "../outcome/errors.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { runtime } from "../runtime/detect.ts";
import type { System } from "../runtime/runtime.ts";
import { captureBytes, captureText, startLive } from "./live_verbs.ts";
import { ProcessRunner, runnerVerb } from "./process_runner.ts";
import type { RunningProcess } from "./running_process.ts";

/** Options of {@linkcode ProcessGroup.create}. */
export interface ProcessGroupOptions {
  /**
   * The mechanism that keeps the group together. `"auto"` is the strongest one that the
   * host and its permissions allow.
   *
   * @default {"auto"}
   */
  containment?: "auto" | "cgroup" | "process-group";
  /**
   * Whether to require that the processes of the group are killed when this program is
   * killed. Where that is impossible, `create` rejects.
   *
   * @default {false}
   */
  killOnParentDeath?: boolean;
}

/** Options of {@linkcode ProcessGroup.shutdown}. */
export interface ShutdownOptions {
  /**
   * How long the members may take to exit after SIGTERM, in milliseconds. With 0, they
   * are killed without SIGTERM, unless `escalate` is false.
   *
   * @default {5000}
   */
  grace?: number;
  /**
   * Whether members that are left after the grace time are killed.
   *
   * @default {true}
   */
  escalate?: boolean;
}

/** The outcome of {@linkcode ProcessGroup.shutdown}. */
export interface ShutdownReport {
  /**
   * Whether SIGTERM was sent. It is not sent to an empty group, nor if `grace` is 0 and
   * `escalate` is true.
   */
  readonly signalSent: boolean;
  /** The process ids of the members before the shutdown. */
  readonly membersBefore: readonly number[];
  /** The process ids of the members after the shutdown. */
  readonly membersAfter: readonly number[];
  /**
   * How the shutdown ended.
   *
   * - `"drained"`: every member exited in time.
   * - `"escalated"`: the remaining members were killed.
   * - `"left"`: the remaining members keep running, because `escalate` was false.
   */
  readonly ending: "drained" | "escalated" | "left";
  /** How long the shutdown took, in milliseconds. */
  readonly elapsed: number;
}

/** The number of processes in a group and the resources they use. */
export interface GroupStats {
  /** The number of processes. */
  readonly processes: number;
  /**
   * The processor time used, in milliseconds. In a cgroup it includes processes that
   * have exited. `null` if the host does not report it.
   */
  readonly cpuTime: number | null;
  /** The memory in use now, in bytes. `null` if the host does not report it. */
  readonly memory: number | null;
}

/**
 * Runs commands whose processes are all killed together: what a command leaves running
 * stays in the group until the group is shut down or disposed of. A group is a runner,
 * with the same verbs as every runner.
 *
 * @example
 * ```ts
 * import { Command, ProcessGroup } from "@processkit/processkit";
 *
 * await using group = await ProcessGroup.create();
 * await group.run(new Command("sh", ["-c", "sleep 60 >/dev/null 2>&1 &"]));
 * console.log(group.mechanism, await group.members()); // such as cgroup [ 1234 ]
 * ```
 */
export class ProcessGroup extends ProcessRunner implements AsyncDisposable {
  /** The mechanism that keeps the group together. */
  readonly mechanism: ContainmentMechanism;
  readonly #system: System;
  readonly #forest: ProcessForest;
  readonly #containment: Containment;
  #isShutDown = false;
  #isSuspended = false;

  private constructor(options: ProcessGroupOptions) {
    super();
    checkOptions("ProcessGroup.create", options, GROUP_OPTIONS);
    const { containment = "auto", killOnParentDeath = false } = options;
    const host = runtime();
    this.#system = host.system;
    this.#containment = new Containment(
      host,
      checkedContainment(containment, GROUP_CHOICES),
      { keepsLeftovers: true },
    );
    this.#forest = this.#containment.forest;
    this.mechanism = this.#containment.mechanism as ContainmentMechanism;
    if (killOnParentDeath) this.#containment.requireWatcher();
  }

  /**
   * Creates a group. No process is started, except the watcher if `killOnParentDeath`
   * is set.
   *
   * @throws {UnsupportedError} if the named containment is not available, or
   *   `killOnParentDeath` is set and cannot be guaranteed
   * @throws {TypeError} if an option is unknown or has an unknown value
   */
  static create(options: ProcessGroupOptions = {}): Promise<ProcessGroup> {
    return new Promise((resolve) => resolve(new ProcessGroup(options)));
  }

  /**
   * Runs the command in the group and captures its output as text; see
   * {@linkcode ProcessRunner.outputString}.
   *
   * @throws {SpawnError} if the group was shut down or disposed of
   * @throws what {@linkcode ProcessRunner.outputString} throws
   */
  override outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    return runnerVerb(
      "outputString",
      arguments,
      () => captureText(command, () => this.#openContainment(command)),
    );
  }

  /**
   * Runs the command in the group and captures its stdout as bytes; otherwise like
   * {@linkcode ProcessGroup.outputString}.
   */
  override outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return runnerVerb(
      "outputBytes",
      arguments,
      () => captureBytes(command, () => this.#openContainment(command)),
    );
  }

  /**
   * Starts the command in the group and returns the live process; see
   * {@linkcode ProcessRunner.start}. Disposing of the process kills it and everything
   * it started, and no other member of the group.
   *
   * @throws {SpawnError} if the group was shut down or disposed of
   * @throws what {@linkcode ProcessRunner.start} throws
   */
  override start(command: Command): Promise<RunningProcess> {
    return runnerVerb(
      "start",
      arguments,
      () => startLive(command, () => this.#openContainment(command)),
    );
  }

  /**
   * Sends a signal to every member of the group that can be found.
   *
   * @throws {TypeError} if the signal is unknown
   */
  signal(signal: Signal): void {
    this.#forest.signal(checkSignal("signal", signal));
  }

  /** Suspends every member of the group until {@linkcode ProcessGroup.resume}. */
  suspend(): void {
    this.#isSuspended = true;
    this.#forest.suspend();
  }

  /** Resumes every member of the group. */
  resume(): void {
    this.#isSuspended = false;
    this.#forest.resume();
  }

  /**
   * Returns the process ids of the members that are running, in ascending order. On
   * Linux these are all members. If the host does not list processes (Deno without
   * `--allow-all`), these are the direct children.
   */
  members(): Promise<number[]> {
    return new Promise((resolve) => resolve(this.#forest.members()));
  }

  /** Returns the number of processes in the group and the resources they use. */
  async stats(): Promise<GroupStats> {
    const members = await this.members();
    const isMembershipUnknown = members.length === 0 && !this.#forest.isEmpty();
    const { cpuTime, memory } = isMembershipUnknown
      ? { cpuTime: null, memory: null }
      : usageOf(this.#system, members);
    const total = this.#containment.cgroup?.usage();
    return {
      processes: members.length,
      cpuTime: total?.cpuTime ?? cpuTime,
      memory: total?.memory ?? memory,
    };
  }

  /**
   * Kills every member of the group, immediately. The group can still be used. A second
   * call has no effect.
   */
  killAll(): void {
    this.#forest.kill();
  }

  /**
   * Shuts the group down: sends SIGTERM to every member, waits up to `grace`
   * milliseconds, and sends SIGKILL to the members that are left. Resolves as soon as
   * the group is empty. The group accepts no further runs.
   *
   * @throws {RangeError} if `grace` is negative, not a number, or more than
   *   2,147,483,647 (about 24 days)
   * @throws {TypeError} if an option is unknown, or `escalate` is not a boolean
   *
   * @example
   * ```ts
   * import { Command, ProcessGroup } from "@processkit/processkit";
   *
   * await using group = await ProcessGroup.create();
   * await group.run(new Command("sh", ["-c", "sleep 60 >/dev/null 2>&1 &"]));
   * const { ending, elapsed } = await group.shutdown({ grace: 2000 });
   * console.log(ending, elapsed); // such as drained 12.5
   * ```
   */
  async shutdown(options: ShutdownOptions = {}): Promise<ShutdownReport> {
    checkOptions("shutdown", options, SHUTDOWN_OPTIONS);
    const { grace = 5000, escalate = true } = options;
    checkMilliseconds("shutdown: grace", grace);
    checkBoolean("shutdown: escalate", escalate);
    this.#isShutDown = true;
    const started = performance.now();
    const membersBefore = this.#forest.members();
    // The list of members may be incomplete, so an empty list does not mean an empty
    // group.
    const wasEmpty = this.#forest.isEmpty();
    const sendsSignal = !wasEmpty && (grace > 0 || !escalate);
    let ending: ShutdownReport["ending"] = "drained";
    if (!wasEmpty) {
      using teardown = new Teardown(this.#forest, {
        signal: "SIGTERM",
        grace: sendsSignal ? Math.max(grace, 1) : 0,
        onExpired: () => escalate && this.#forest.kill(),
      });
      // A suspended process does not handle SIGTERM.
      if (this.#isSuspended && sendsSignal) this.resume();
      if (!await teardown.finished) ending = escalate ? "escalated" : "left";
    }
    if (ending === "escalated") await this.#containment.waitUntilEmpty();
    return {
      signalSent: sendsSignal,
      membersBefore,
      membersAfter: this.#forest.members(),
      ending,
      elapsed: performance.now() - started,
    };
  }

  /** Returns the group and its mechanism in one line. */
  override toString(): string {
    return `ProcessGroup { ${this.mechanism}${
      this.#isShutDown ? ", shut down" : ""
    } }`;
  }

  /**
   * Kills every member of the group, waits until all have exited, and releases the
   * group's resources. The group accepts no further runs.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isShutDown = true;
    await this.#containment.close();
  }

  #openContainment({ invocation: { program } }: Command): Containment {
    if (!this.#isShutDown) return this.#containment;
    throw new SpawnError(
      program,
      "its process group was shut down; create another one with ProcessGroup.create",
    );
  }
}

const GROUP_OPTIONS: Readonly<Record<keyof ProcessGroupOptions, true>> = {
  containment: true,
  killOnParentDeath: true,
};
const SHUTDOWN_OPTIONS: Readonly<Record<keyof ShutdownOptions, true>> = {
  grace: true,
  escalate: true,
};
const GROUP_CHOICES = ["auto", "cgroup", "process-group"];
