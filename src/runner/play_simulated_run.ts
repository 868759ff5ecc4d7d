import { LONGEST_TIMER_MS } from "../command/checks.ts";
import { type CommandSpec, hasStdoutListeners } from "../command/spec.ts";
import type { Outcome } from "../outcome/outcome.ts";
import { ProcessResult } from "../outcome/result.ts";
import { isLimited } from "../output/buffer_limits.ts";
import { bytesOf, Run, type RunUse, textOf } from "./run.ts";
import { RunLimits, throwIfCancelled } from "./run_limits.ts";
import { SimulatedBackend } from "./simulated_backend.ts";
import type { SimulatedRun } from "./simulated_run.ts";
import type { StdinReader } from "./stdin_reader.ts";

/**
 * Plays a simulated run to its end. Handlers and tees receive its output, first stdout
 * and then stderr. The command's deadline, abort signals and output modes apply. No
 * process is started.
 *
 * @throws {CancelledError} if an abort signal of the command has fired, or fires during
 *   the run
 */
export function playSimulatedRun(
  spec: CommandSpec,
  run: SimulatedRun,
  stdinReader: StdinReader | null = null,
): Promise<ProcessResult<string>> {
  throwIfCancelled(spec);
  const { outcome } = run;
  return outcome === null || takesTime(run) || needsEngine(spec)
    ? textOf(startSimulatedRun(spec, run, "text", stdinReader))
    : Promise.resolve(resultOf(spec, run, outcome, run.stdout));
}

/**
 * Plays a simulated run, with stdout as bytes; otherwise like
 * {@linkcode playSimulatedRun}.
 */
export function playSimulatedBytes(
  spec: CommandSpec,
  run: SimulatedRun,
): Promise<ProcessResult<Uint8Array>> {
  throwIfCancelled(spec);
  const { outcome, stdout, stdoutBytes } = run;
  if (outcome === null || takesTime(run) || needsEngine(spec)) {
    return bytesOf(startSimulatedRun(spec, run, "bytes"));
  }
  const bytes = stdoutBytes ?? new TextEncoder().encode(stdout);
  return Promise.resolve(resultOf(spec, run, outcome, bytes));
}

/** Starts a simulated run in the engine that live runs use. */
export function startSimulatedRun(
  spec: CommandSpec,
  run: SimulatedRun,
  use: RunUse,
  stdinReader: StdinReader | null = null,
): Run {
  const takesInput = stdinReader !== null ||
    (spec.keepStdinOpen && use === "live");
  return new Run(spec, {
    use,
    backend: new SimulatedBackend(spec, run, takesInput),
    stdinReader,
    limits: new RunLimits({
      timeout: timeoutOf(spec, run),
      cancelOn: spec.cancelOn,
    }),
  });
}

/** Scales the timeout of a run that is played slower than it was recorded. */
function timeoutOf(
  { timeout }: CommandSpec,
  { outcome, schedule }: SimulatedRun,
): number | null {
  if (timeout === null || schedule === null) return timeout;
  // A recorded run that timed out may have printed during its grace time. Its schedule
  // ends it.
  if (outcome?.kind === "timed-out") return null;
  // The timeout is not reduced for a run that is played faster: a run that just met it
  // must meet it again.
  return Math.min(timeout * Math.max(1, schedule.stretch), LONGEST_TIMER_MS);
}

function takesTime({ lineDelay, answer }: SimulatedRun): boolean {
  return lineDelay > 0 || answer !== null;
}

/**
 * Whether the output must pass through the engine: for handlers, tees, limits, or a
 * timed transcript.
 */
function needsEngine(spec: CommandSpec): boolean {
  return hasStdoutListeners(spec) || spec.stderrHandlers.length > 0 ||
    spec.stderrTees.length > 0 || isLimited(spec.outputBuffer) ||
    spec.transcript === "timed";
}

function resultOf<T extends string | Uint8Array>(
  spec: CommandSpec,
  run: SimulatedRun,
  outcome: Outcome,
  stdout: T,
): ProcessResult<T> {
  return new ProcessResult<T>({
    program: spec.program,
    args: spec.args,
    stdout: spec.stdout === "piped" ? stdout : stdout.slice(0, 0) as T,
    stderr: spec.stderr === "piped" ? run.stderr : "",
    outcome,
    okCodes: spec.okCodes,
    truncated: run.truncated,
    configuredTimeout: spec.timeout,
  });
}
