import { type Command, transcribed } from "../command/command.ts";
import { ProcessResult } from "../outcome/result.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import { type RunningProcess, runOf } from "../runner/running_process.ts";

/**
 * Starts a command on `inner`. `onComplete` gets what it comes to, as if a verb had
 * run it to its end, once it has ended as a whole.
 */
export async function startRecorded(
  inner: ProcessRunner,
  command: Command,
  onComplete: (result: ProcessResult<string>) => void,
): Promise<RunningProcess> {
  const process = await inner.start(transcribed(command));
  const run = runOf(process);
  run.onComplete = (outcome) =>
    onComplete(
      new ProcessResult({
        program: run.spec.program,
        stdout: run.stdout?.transcript() ?? "",
        stderr: run.stderr?.transcript() ?? "",
        outcome,
        truncated: run.cut,
      }),
    );
  return process;
}
