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

/** How a {@linkcode JobRunner} keeps together what its runs start. */
export interface JobRunnerOptions {
  /**
   * `"process-group"`: each run leads a session and a process group of its own.
   * When it ends by itself, whatever is left in the group ends too, and a daemon
   * that detached itself is left alone; when it is ended (by its deadline, by an
   * abort), so is whoever of it is found elsewhere. Left out, it is this one, or
   * where permissions do not allow it (Deno with `--allow-run=git`) the child alone.
   *
   * `"cgroup"`: each run has a cgroup of its own, which nothing it starts can leave,
   * and when it ends, or is ended, everything in it ends.
   *
   * `"auto"`: the strongest of these that this host and its permissions allow.
   *
   * `"none"`: the child alone, at the bare cost of starting it.
   *
   * @default {"process-group"}
   */
  containment?: ContainmentChoice;
}

/**
 * The real runner: it starts the program.
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
   * Makes a runner; nothing is started.
   *
   * @throws {TypeError} if the containment asked for is unknown
   */
  constructor(options: JobRunnerOptions = {}) {
    super();
    checkOptions("new JobRunner", options, { containment: true });
    this.#choice = checkedContainment(options.containment);
  }

  /**
   * What keeps its runs together, decided at the first use.
   *
   * @throws {UnsupportedError} if the containment asked for by name is not available
   */
  get mechanism(): ContainmentMechanism | "none" {
    return this.#contained().mechanism;
  }

  /**
   * Runs the command and captures its output as text; see {@linkcode ProcessRunner.outputString}.
   *
   * @throws {UnsupportedError} if the containment asked for by name is not available
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

  /** Runs the command and captures its stdout as bytes; see {@linkcode JobRunner.outputString}. */
  override outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return runnerVerb(
      "outputBytes",
      arguments,
      () => captureBytes(command, () => this.#contained()),
    );
  }

  /** Starts the command and hands out the process while it runs; see {@linkcode ProcessRunner.start}. */
  override start(command: Command): Promise<RunningProcess> {
    return runnerVerb(
      "start",
      arguments,
      () => startLive(command, () => this.#contained()),
    );
  }

  /** The runner and the containment that was asked for, in one line. */
  override toString(): string {
    return `JobRunner { containment: ${this.#choice ?? "process-group"} }`;
  }

  /**
   * Ends the runs that are still under way, and releases what the runner holds: its
   * share in the watcher, and its cgroup. It can be used again.
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
