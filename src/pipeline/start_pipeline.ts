import { type Command, connectedTo, specOf } from "../command/command.ts";
import { defaultRunner } from "../command/default_runner.ts";
import { stdinFrom } from "../command/stdin.ts";
import { UnsupportedError } from "../outcome/errors.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import { RunLimits, throwIfCancelled } from "../runner/run_limits.ts";
import type { RunningProcess } from "../runner/running_process.ts";
import { StagePipes } from "../runner/stage_pipe.ts";
import { type PipelineSession, sessionOf } from "./pipeline_session.ts";

/** What a pipeline is started from. */
export interface PipelineSpec {
  /** At least one. */
  readonly stages: readonly Command[];
  /** How long all of it may take, in milliseconds; `null` for any time. */
  readonly timeout: number | null;
  readonly cancelOn: readonly AbortSignal[];
  /** What starts the stages; `null` for the runner behind a command's own verbs. */
  readonly runner: ProcessRunner | null;
}

/**
 * Starts the stages of a chain, from the left. If one cannot be started, those that
 * were are ended. `null` if the deadline comes before all of them were.
 */
export async function startPipeline(
  pipeline: PipelineSpec,
): Promise<PipelineSession | null> {
  const { stages, timeout } = pipeline;
  const runner = pipeline.runner ?? defaultRunner();
  const limits = new RunLimits(pipeline);
  // Fires only before all have started: nobody starts after that.
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

/** The commands as they are started: each feeds the next, and all of them end with the chain. */
function connectedStages(
  { stages, cancelOn }: PipelineSpec,
  { connections }: StagePipes,
  deadlineSignal: AbortSignal,
): readonly Command[] {
  return stages.map((stage, index) => {
    let command = stage;
    if (index > 0) command = command.stdin(stdinFrom(connections[index - 1]));
    if (index < connections.length) {
      command = connectedTo(command, connections[index]);
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
    `what comes before \`${program}\` is a real process, and it is none; use a runner that starts all of them or none`,
    { program },
  );
}
