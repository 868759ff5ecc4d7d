import { type Command, specOf } from "../command/command.ts";
import { counted } from "../outcome/inspect.ts";
import { exited } from "../outcome/outcome.ts";
import { ProcessResult } from "../outcome/result.ts";
import { startSimulatedRun } from "../runner/play_simulated_run.ts";
import { checkRunnerArity, ProcessRunner } from "../runner/process_runner.ts";
import { throwIfCancelled } from "../runner/run_limits.ts";
import { processOf, type RunningProcess } from "../runner/running_process.ts";
import { SILENT_SUCCESS } from "../runner/simulated_run.ts";

/**
 * Starts no process, reports exit code 0 without output for every command, and records the
 * command lines.
 *
 * @example
 * ```ts
 * import { Command, DryRunRunner } from "@processkit/processkit";
 *
 * const runner = new DryRunRunner();
 * await runner.run(new Command("rm", ["-r", "old files"]));
 * console.log(runner.commands()); // [ "rm -r 'old files'" ]
 * ```
 */
export class DryRunRunner extends ProcessRunner {
  readonly #commands: string[] = [];

  /** Returns the recorded command lines, quoted for a POSIX shell, in the order of the calls. */
  commands(): readonly string[] {
    return [...this.#commands];
  }

  /** Records the command line and returns a result with exit code 0 and no output. */
  override async outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    checkRunnerArity("outputString", arguments);
    return await this.#succeed(command, "");
  }

  /** Records the command line and returns a result with exit code 0 and no output. */
  override async outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    checkRunnerArity("outputBytes", arguments);
    return await this.#succeed(command, new Uint8Array(0));
  }

  /** Records the command line and returns a process that has exited with code 0 and no output. */
  // deno-lint-ignore require-await -- an error has to become a rejection
  override async start(command: Command): Promise<RunningProcess> {
    checkRunnerArity("start", arguments);
    const spec = specOf(command);
    throwIfCancelled(spec);
    this.#commands.push(command.commandLine());
    return processOf(startSimulatedRun(spec, SILENT_SUCCESS, "live"));
  }

  /** Returns one line: the class and the number of recorded commands. */
  override toString(): string {
    return `DryRunRunner { ${counted(this.#commands.length, "command")} }`;
  }

  // deno-lint-ignore require-await -- an error has to become a rejection
  async #succeed<T extends string | Uint8Array>(
    command: Command,
    stdout: T,
  ): Promise<ProcessResult<T>> {
    const spec = specOf(command);
    throwIfCancelled(spec);
    this.#commands.push(command.commandLine());
    return new ProcessResult({
      program: spec.program,
      args: spec.args,
      stdout,
      stderr: "",
      outcome: exited(0),
      okCodes: spec.okCodes,
      configuredTimeout: spec.timeout,
    });
  }
}
