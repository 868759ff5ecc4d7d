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

/** How a {@linkcode ProcessGroup} is made. */
export interface ProcessGroupOptions {
  /**
   * What keeps the group together: `"cgroup"`, `"process-group"`, or `"auto"` for
   * the strongest that this host and its permissions allow.
   *
   * @default {"auto"}
   */
  containment?: "auto" | "cgroup" | "process-group";
  /**
   * Whether the group is refused where it could outlive this program, should that
   * be killed.
   *
   * @default {false}
   */
  killOnParentDeath?: boolean;
}

/** How a {@linkcode ProcessGroup} is shut down. */
export interface ShutdownOptions {
  /**
   * How long its members have to end by themselves after SIGTERM, in milliseconds;
   * with 0 they are killed without it.
   *
   * @default {5000}
   */
  grace?: number;
  /**
   * Whether those that are still there after that are killed.
   *
   * @default {true}
   */
  escalate?: boolean;
}

/** What came of a shutdown. */
export interface ShutdownReport {
  /** Whether SIGTERM was sent: not to a group that was empty, nor without any grace. */
  readonly signalSent: boolean;
  /** The processes that were there before it. */
  readonly membersBefore: readonly number[];
  /** The processes that are there after it. */
  readonly membersAfter: readonly number[];
  /** `"drained"`: all went by themselves in time; `"escalated"`: the rest was killed; `"left"`: the rest was left. */
  readonly ending: "drained" | "escalated" | "left";
  /** How long it took, in milliseconds. */
  readonly elapsed: number;
}

/** What a group is made of, and uses. */
export interface GroupStats {
  /** How many processes there are. */
  readonly processes: number;
  /**
   * The processor time they have used, in milliseconds: in a cgroup all that ever
   * were in it, elsewhere those that are there. `null` where the host does not tell.
   */
  readonly cpuTime: number | null;
  /** The memory they take now, in bytes; `null` where the host does not tell. */
  readonly memory: number | null;
}

/**
 * Several runs with one fate: what they start, and leave behind, ends with the
 * group. It is a runner like any other.
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
  /** What keeps the group together. */
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
    if (killOnParentDeath) this.#containment.insistOnWatcher();
  }

  /**
   * Makes a group; nothing is started, but the watcher where `killOnParentDeath` insists on it.
   *
   * @throws {UnsupportedError} if what is asked for by name is not available
   * @throws {TypeError} if the containment asked for is unknown
   */
  static create(options: ProcessGroupOptions = {}): Promise<ProcessGroup> {
    return new Promise((resolve) => resolve(new ProcessGroup(options)));
  }

  /**
   * Runs the command in the group; see {@linkcode ProcessRunner.outputString}.
   *
   * @throws {SpawnError} if the group was shut down or disposed of
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

  /** Runs the command in the group and captures its stdout as bytes; see {@linkcode ProcessGroup.outputString}. */
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
   * Starts the command in the group; see {@linkcode ProcessRunner.start}. Disposing of
   * the process ends it with what it started, and nobody else in the group.
   */
  override start(command: Command): Promise<RunningProcess> {
    return runnerVerb(
      "start",
      arguments,
      () => startLive(command, () => this.#openContainment(command)),
    );
  }

  /**
   * Sends a signal to everyone in the group that can be found.
   *
   * @throws {TypeError} if the signal is unknown
   */
  signal(signal: Signal): void {
    this.#forest.signal(checkSignal("signal", signal));
  }

  /** Stops everyone in the group from running, until {@linkcode ProcessGroup.resume}. */
  suspend(): void {
    this.#isSuspended = true;
    this.#forest.suspend();
  }

  /** Lets everyone in the group run again. */
  resume(): void {
    this.#isSuspended = false;
    this.#forest.resume();
  }

  /**
   * The processes in the group that have not ended, in ascending order: on Linux
   * all of them, where the host does not tell (Deno without `--allow-all`) the
   * direct children.
   */
  members(): Promise<number[]> {
    return new Promise((resolve) => resolve(this.#forest.members()));
  }

  /** How many processes there are in the group, and what they use. */
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

  /** Kills everyone in the group. The group can be used again; a second call does no harm. */
  killAll(): void {
    this.#forest.kill();
  }

  /**
   * Ends the group: SIGTERM to everyone, some time to go by themselves, and
   * SIGKILL to those who are left. Ends as soon as nobody is there. The group takes
   * no more runs.
   *
   * @throws {RangeError} if the grace is negative or too long for a timer
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
    // Not all members may be known; that there are some is.
    const wasEmpty = this.#forest.isEmpty();
    const sendsSignal = !wasEmpty && (grace > 0 || !escalate);
    let ending: ShutdownReport["ending"] = "drained";
    if (!wasEmpty) {
      using teardown = new Teardown(this.#forest, {
        signal: "SIGTERM",
        grace: sendsSignal ? Math.max(grace, 1) : 0,
        onOverdue: () => escalate && this.#forest.kill(),
      });
      // Whoever is suspended has to run to act on the signal.
      if (this.#isSuspended && sendsSignal) this.resume();
      if (!await teardown.finished) ending = escalate ? "escalated" : "left";
    }
    if (ending === "escalated") await this.#containment.untilEmpty();
    return {
      signalSent: sendsSignal,
      membersBefore,
      membersAfter: this.#forest.members(),
      ending,
      elapsed: performance.now() - started,
    };
  }

  /** The group and what keeps it together, in one line. */
  override toString(): string {
    return `ProcessGroup { ${this.mechanism}${
      this.#isShutDown ? ", shut down" : ""
    } }`;
  }

  /** Ends everyone in the group, waits until they are gone, and releases what the group holds. It takes no more runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isShutDown = true;
    await this.#containment.close();
  }

  #openContainment({ invocation: { program } }: Command): Containment {
    if (!this.#isShutDown) return this.#containment;
    throw new SpawnError(
      program,
      "its process group was shut down; make another with ProcessGroup.create",
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
