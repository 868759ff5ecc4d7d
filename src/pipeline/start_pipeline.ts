import { type Command, specOf, withConnection } from "../command/command.ts";
import { defaultRunner } from "../command/default_runner.ts";
import { stdinFrom } from "../command/stdin.ts";
import { UnsupportedError } from "../outcome/errors.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import { RunLimits, throwIfCancelled } from "../runner/run_limits.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import { StagePipes } from "../runner/stage_pipe.ts";
import { type PipelineSession, sessionOf } from "./pipeline_session.ts";

/** The specification of a pipeline. */
export interface PipelineSpec {
  /** At least one stage. */
  readonly stages: readonly Command[];
  /** The deadline of the whole pipeline, in milliseconds; `null` for none. */
  readonly timeout: number | null;
  readonly cancelOn: readonly AbortSignal[];
  /** The runner that starts the stages; `null` for the default runner. */
  readonly runner: ProcessRunner | null;
}

/**
 * Starts the stages from left to right. Kills the started stages if one cannot be
 * started. Returns `null` if the deadline passes before all have started.
 */
export async function startPipeline(
  pipeline: PipelineSpec,
): Promise<PipelineSession | null> {
  const { stages, timeout } = pipeline;
  const runner = pipeline.runner ?? defaultRunner();
  const limits = new RunLimits(pipeline);
  // Aborted only if the deadline passes before all stages have started.
  const deadlineAbort = new AbortController();
  using pipes = new StagePipes(stages.length - 1);
  const started: RunningProcess[] = [];
  try {
    const commands = connectedStages(pipeline, pipes, deadlineAbort.signal);
    for (const [index, command] of commands.entries()) {
      const process = await limits.within(
        runner.start(command),
        (late) => late[Symbol.asyncDispose](),
      );
      throwIfCancelled(specOf(command));
      if (process === null) break;
      started.push(process);
      pipes.connections[index]?.attach(process);
      if (pipes.connections[index - 1]?.isUnread) {
        throw mixedStagesError(stages[index]);
      }
    }
    if (started.length === stages.length) {
      return sessionOf({
        stages: started,
        connections: pipes.connections,
        limits,
        timeout,
      });
    }
  } catch (error) {
    await disposeAll(started, limits);
    throw error;
  }
  deadlineAbort.abort();
  await disposeAll(started, limits);
  return null;
}

/**
 * Returns the commands with their connections, and with the abort signals of the
 * pipeline.
 */
function connectedStages(
  { stages, cancelOn }: PipelineSpec,
  { connections }: StagePipes,
  deadlineSignal: AbortSignal,
): readonly Command[] {
  return stages.map((stage, index) => {
    let command = stage;
    if (index > 0) command = command.stdin(stdinFrom(connections[index - 1]));
    if (index < connections.length) {
      command = withConnection(command, connections[index]);
    }
    for (const signal of cancelOn) command = command.cancelOn(signal);
    return command.cancelOn(deadlineSignal);
  });
}

async function disposeAll(
  started: readonly RunningProcess[],
  limits: RunLimits,
): Promise<void> {
  limits[Symbol.dispose]();
  await Promise.all(started.map((process) => process[Symbol.asyncDispose]()));
}

function mixedStagesError(stage: Command): UnsupportedError {
  const { program } = specOf(stage);
  return new UnsupportedError(
    "a pipeline of real and scripted stages",
    `the stage before \`${program}\` is a real process, and \`${program}\` is not; use a runner that starts all stages or none`,
    { program },
  );
}
