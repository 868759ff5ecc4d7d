import { type Command, withTranscript } from "../../command/command.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import type { RunTranscript } from "../../outcome/transcript.ts";
import type { ProcessRunner } from "../../runner/process_runner.ts";
import { type RunningProcess, runOf } from "../../runner/running_process.ts";

/**
 * Starts a command on `inner`. `onComplete` gets what it comes to, as if a verb had
 * run it to its end, once it has ended as a whole.
 *
 * @throws {UnsupportedError} if `inner` starts another command than this
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
      `recording what ${inner.constructor.name} starts`,
      "it starts a command of its own making, whose output is not kept for the recorder; " +
        "let it record what it starts itself, or use outputString",
      { program: run.spec.program },
    );
  }
  run.onComplete((outcome) => onComplete(run.transcript(outcome)));
  return process;
}
