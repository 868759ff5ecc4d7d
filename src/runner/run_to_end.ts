import { type Command, type CommandSpec, specOf } from "../command/command.ts";
import {
  claimStdin,
  type StdinSource,
  stdinSourceOf,
} from "../command/stdin.ts";
import type { Containment } from "../containment/containment.ts";
import { timedOut } from "../outcome/outcome.ts";
import { ProcessResult } from "../outcome/result.ts";
import { LiveRun, type StdoutOf } from "./live_run.ts";
import { RunLimits, throwIfCancelled } from "./run_limits.ts";
import { openSupply, type StdinSupply } from "./stdin_feed.ts";

/** Runs a command and captures its output as text. */
export function captureText(
  command: Command,
  containment: () => Containment,
): Promise<ProcessResult<string>> {
  return runLive(
    command,
    { bytes: false, containment },
    (stdout, program) => stdout?.text(program) ?? "",
  );
}

/** Runs a command and captures its stdout as bytes. */
export function captureBytes(
  command: Command,
  containment: () => Containment,
): Promise<ProcessResult<Uint8Array>> {
  return runLive(
    command,
    { bytes: true, containment },
    (stdout) => stdout?.bytes() ?? new Uint8Array(0),
  );
}

interface RunToEndOptions {
  /** Whether stdout is kept as bytes, rather than as text. */
  readonly bytes: boolean;
  /** Decides, when it comes to that, how the child is kept together with what it starts. */
  readonly containment: () => Containment;
}

/** Runs a command: everything that can refuse it comes before the child is started. */
async function runLive<T extends string | Uint8Array>(
  command: Command,
  { bytes, containment }: RunToEndOptions,
  stdoutOf: StdoutOf<T>,
): Promise<ProcessResult<T>> {
  const spec = specOf(command);
  throwIfCancelled(spec);
  const source = spec.stdin === "inherit"
    ? NO_INPUT
    : stdinSourceOf(spec.stdin);
  const release = claimStdin(source, spec.program);
  using limits = new RunLimits(spec);
  let supply: StdinSupply | null = null;
  let run: LiveRun;
  try {
    const opening = openSupply(source, spec.program);
    supply = opening instanceof Promise
      ? await limits.within(opening, (late) => late.stop())
      : opening;
    throwIfCancelled(spec);
    if (limits.endedBy === "timed-out") {
      supply?.stop();
      release();
      return neverStarted(spec, stdoutOf);
    }
    run = new LiveRun(containment(), spec, { bytes, supply, limits });
  } catch (error) {
    supply?.stop();
    release();
    throw error;
  }
  return await run.result(stdoutOf);
}

/** The result of a run whose deadline came while its stdin file was still being opened. */
function neverStarted<T extends string | Uint8Array>(
  spec: CommandSpec,
  stdoutOf: StdoutOf<T>,
): ProcessResult<T> {
  return new ProcessResult({
    program: spec.program,
    stdout: stdoutOf(null, spec.program),
    stderr: "",
    outcome: timedOut(),
    okCodes: spec.okCodes,
    configuredTimeout: spec.timeout,
    duration: spec.timeout ?? 0,
  });
}

const NO_INPUT: StdinSource = { kind: "empty" };
