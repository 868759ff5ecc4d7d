import { type Command, withTranscript } from "../../command/command.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import type { RunTranscript } from "../../outcome/transcript.ts";
import type { ProcessRunner } from "../../runner/process_runner.ts";
import { type RunningProcess, runOf } from "../../runner/running_process.ts";

/**
 * Starts a command on `inner`, with a transcript of its whole output. `onComplete` gets the
 * transcript once the run has completed, its output was read to the end, and the caller has
 * asked for its outcome. It is not called for a run that was killed, except at its timeout.
 *
 * @throws {UnsupportedError} if `inner` starts a different command, without a transcript
 */
export async function startRecorded(
  inner: ProcessRunner,
  command: Command,
  transcript: "output" | "timed",
  onComplete: (run: RunTranscript) => void,
): Promise<RunningProcess> {
  const process = await inner.start(withTranscript(command, transcript));
  const run = runOf(process);
  if (run.spec.transcript === "none") {
    await process[Symbol.asyncDispose]();
    throw new UnsupportedError(
      `recording a process that ${inner.constructor.name} starts`,
      "it starts a different command, whose output is not captured for the recorder; " +
        "record the runner that it starts commands on instead, or use outputString",
      { program: run.spec.program },
    );
  }
  run.onComplete((outcome) => onComplete(run.transcript(outcome)));
  return process;
}
