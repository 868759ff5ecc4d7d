import type { Command } from "../command/command.ts";
import { provideDefaultRunner } from "../command/default_runner.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { captureBytes, captureText } from "./live_run.ts";
import { ProcessRunner } from "./process_runner.ts";

/** How a {@linkcode JobRunner} keeps together what its runs start. */
export interface JobRunnerOptions {
  /**
   * `"process-group"`: each run leads a session and a process group of its own,
   * and when it ends, or is ended, whatever is left in the group ends too. Where
   * permissions do not allow it (Deno with `--allow-run=git`), it is the child alone.
   *
   * `"none"`: the child alone, at the bare cost of starting it.
   *
   * @default {"process-group"}
   */
  containment?: "process-group" | "none";
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
  readonly #ownGroup: boolean;

  /**
   * Makes a runner; nothing is started.
   *
   * @throws {TypeError} if the containment asked for is unknown
   */
  constructor(options: JobRunnerOptions = {}) {
    super();
    const { containment = "process-group" } = options;
    if (containment !== "process-group" && containment !== "none") {
      throw new TypeError(
        `containment: expected "process-group" or "none", got ${
          JSON.stringify(containment)
        }`,
      );
    }
    this.#ownGroup = containment === "process-group";
  }

  /** Runs the command and captures its output as text; see {@linkcode ProcessRunner.outputString}. */
  override outputString(command: Command): Promise<ProcessResult<string>> {
    return captureText(command, this.#ownGroup);
  }

  /** Runs the command and captures its stdout as bytes; see {@linkcode ProcessRunner.outputString}. */
  override outputBytes(command: Command): Promise<ProcessResult<Uint8Array>> {
    return captureBytes(command, this.#ownGroup);
  }

  /** Releases what the runner holds: nothing, between its runs. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

provideDefaultRunner(() => new JobRunner());
