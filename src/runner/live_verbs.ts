import { type Command, specOf } from "../command/command.ts";
import type { Containment } from "../containment/containment.ts";
import { timedOut } from "../outcome/outcome.ts";
import { ProcessResult } from "../outcome/result.ts";
import { TimeoutError } from "../outcome/run_errors.ts";
import { bytesOf, textOf } from "./run.ts";
import { processOf, type RunningProcess } from "./running_process.ts";
import { startRun } from "./start_run.ts";

/** Runs a command and captures its output as text. */
export async function captureText(
  command: Command,
  containment: () => Containment,
): Promise<ProcessResult<string>> {
  const run = await startRun(command, "text", containment);
  return run === null ? timedOutBeforeStart(command, "") : await textOf(run);
}

/** Runs a command and captures its stdout as bytes. */
export async function captureBytes(
  command: Command,
  containment: () => Containment,
): Promise<ProcessResult<Uint8Array>> {
  const run = await startRun(command, "bytes", containment);
  return run === null
    ? timedOutBeforeStart(command, new Uint8Array(0))
    : await bytesOf(run);
}

/** Starts a command and returns the live process. */
export async function startLive(
  command: Command,
  containment: () => Containment,
): Promise<RunningProcess> {
  const run = await startRun(command, "live", containment);
  if (run !== null) return processOf(run);
  const { program, args, timeout } = specOf(command);
  throw new TimeoutError({ program, args, stdout: "", stderr: "" }, timeout);
}

/**
 * Returns the result of a run whose deadline passed before it was started, for example
 * while a file was being opened.
 */
export function timedOutBeforeStart<T extends string | Uint8Array>(
  command: Command,
  stdout: T,
): ProcessResult<T> {
  const { program, args, okCodes, timeout } = specOf(command);
  return new ProcessResult({
    program,
    args,
    stdout,
    stderr: "",
    outcome: timedOut(),
    okCodes,
    configuredTimeout: timeout,
    duration: timeout ?? 0,
  });
}
