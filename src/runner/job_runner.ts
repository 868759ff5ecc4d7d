import { checkOptions } from "../command/checks.ts";
import type { Command } from "../command/command.ts";
import { provideDefaultRunner } from "../command/default_runner.ts";
import {
  checkedContainment,
  Containment,
  type ContainmentChoice,
} from "../containment/containment.ts";
import type { ContainmentMechanism } from "../containment/mechanism.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { runtime } from "../runtime/detect.ts";
import { captureBytes, captureText, startLive } from "./live_verbs.ts";
import { ProcessRunner, runnerVerb } from "./process_runner.ts";
import type { RunningProcess } from "./running_process.ts";

/** Options of a {@linkcode JobRunner}. */
export interface JobRunnerOptions {
  /**
   * How the processes that a run starts are kept together, so that they can be killed.
   *
   * - `"process-group"`: each run leads its own session and process group. When the
   *   child exits by itself, the processes left in the group are killed, and a daemon
   *   that left the group keeps running. When the run is killed (by a deadline, an
   *   abort signal or `kill`), descendants that left the group are found and killed
   *   too. If the option is not set and permissions do not allow process groups (such
   *   as Deno with `--allow-run=git`), only the child is killed.
   * - `"cgroup"`: each run has its own cgroup, which no process can leave. When the
   *   run ends, every process in the cgroup is killed.
   * - `"auto"`: the strongest of these that the host and its permissions allow.
   * - `"none"`: only the child is killed. Starting a child costs least.
   *
   * @default {"process-group"}
   */
  containment?: ContainmentChoice;
}

/**
 * Runs commands as child processes. This is the default runner.
 *
 * @example
 * ```ts
 * import { Command, JobRunner } from "@processkit/processkit";
 *
 * await using runner = new JobRunner();
 * const result = await runner.outputString(new Command("ls", ["/nope"]));
 * console.log(result.code, result.stderr);
 * ```
 */
export class JobRunner extends ProcessRunner implements AsyncDisposable {
  readonly #choice: ContainmentChoice | undefined;
  #containment: Containment | null = null;

  /**
   * Creates a runner. No process is started.
   *
   * @throws {TypeError} if the containment is unknown
   */
  constructor(options: JobRunnerOptions = {}) {
    super();
    checkOptions("new JobRunner", options, { containment: true });
    this.#choice = checkedContainment(options.containment);
  }

  /**
   * The mechanism that keeps the processes of a run together. It is chosen at the first
   * use.
   *
   * @throws {UnsupportedError} if the containment that the options name is not
   *   available
   */
  get mechanism(): ContainmentMechanism | "none" {
    return this.#contained().mechanism;
  }

  /**
   * Runs the command and captures its output as text; see
   * {@linkcode ProcessRunner.outputString}.
   *
   * @throws {UnsupportedError} if the containment that the options name is not
   *   available
   * @throws what {@linkcode ProcessRunner.outputString} throws
   */
  override outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    return runnerVerb(
      "outputString",
      arguments,
      () => captureText(command, () => this.#contained()),
    );
  }

  /**
   * Runs the command and captures its stdout as bytes; otherwise like
   * {@linkcode JobRunner.outputString}.
   */
  override outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return runnerVerb(
      "outputBytes",
      arguments,
      () => captureBytes(command, () => this.#contained()),
    );
  }

  /**
   * Starts the command and returns the live process; see
   * {@linkcode ProcessRunner.start}.
   */
  override start(command: Command): Promise<RunningProcess> {
    return runnerVerb(
      "start",
      arguments,
      () => startLive(command, () => this.#contained()),
    );
  }

  /** Returns the runner and its containment option in one line. */
  override toString(): string {
    return `JobRunner { containment: ${this.#choice ?? "process-group"} }`;
  }

  /**
   * Kills all runs in progress, and releases the runner's resources: its share of the
   * watcher, and its cgroup. The runner can be used again.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const containment = this.#containment;
    this.#containment = null;
    await containment?.close();
  }

  #contained(): Containment {
    return this.#containment ??= new Containment(runtime(), this.#choice, {
      keepsLeftovers: false,
    });
  }
}

provideDefaultRunner(() => new JobRunner());
