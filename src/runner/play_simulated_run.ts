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
 * Plays a known run to its end, as the command would have seen it live: its line
 * handlers and tees are served, first with stdout and then with stderr, its deadline
 * and abort signals hold, and what it did not capture stays away. Starts nothing.
 *
 * @throws {CancelledError} if an abort signal of the command has fired, or fires
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

/** Like {@linkcode playSimulatedRun}, with stdout in bytes. */
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

/** Starts a known run: the same code deals with it as with a live one. */
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

/** A run that is played slower than it was has as much more time. */
function timeoutOf(
  { timeout }: CommandSpec,
  { outcome, schedule }: SimulatedRun,
): number | null {
  if (timeout === null || schedule === null) return timeout;
  // What was printed in its grace comes after it once more.
  if (outcome?.kind === "timed-out") return null;
  // Not less where it is faster: a run that just kept it is to keep it again.
  return Math.min(timeout * Math.max(1, schedule.stretch), LONGEST_TIMER_MS);
}

function takesTime({ lineDelay, answer }: SimulatedRun): boolean {
  return lineDelay > 0 || answer !== null;
}

/** Whether anybody but the result has to do with the output. */
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
