import { type Command, specOf } from "../command/command.ts";
import type { CommandSpec } from "../command/spec.ts";
import {
  claimStdin,
  type StdinSource,
  stdinSourceOf,
} from "../command/stdin.ts";
import type { Containment } from "../containment/containment.ts";
import type { StdioMode } from "../runtime/runtime.ts";
import { LiveBackend } from "./live_backend.ts";
import { OutputFiles } from "./output_files.ts";
import { Run, type RunUse } from "./run.ts";
import { RunLimits, throwIfCancelled } from "./run_limits.ts";
import { openStdin, type StdinReader } from "./stdin_reader.ts";

/**
 * Starts a command. Everything that can make it fail is checked before the child is
 * started. Returns `null` if the deadline passes before the start.
 */
export async function startRun(
  command: Command,
  use: RunUse,
  containment: () => Containment,
): Promise<Run | null> {
  const spec = specOf(command);
  throwIfCancelled(spec);
  const source = spec.stdin === "inherit"
    ? NO_INPUT
    : stdinSourceOf(spec.stdin);
  const release = claimStdin(source, spec.program);
  const limits = new RunLimits(spec);
  let resources: OpenResources | null = null;
  try {
    const opening = openResources(spec, source);
    resources = opening instanceof Promise
      ? await limits.within(opening, closeResources)
      : opening;
    throwIfCancelled(spec);
    if (resources !== null && limits.reached !== "timed-out") {
      const { stdinReader, files } = resources;
      const reader = source.kind === "stage"
        ? source.connection.takeReader()
        : null;
      const backend = new LiveBackend(
        containment(),
        spec,
        reader ?? stdinModeOf(spec, use, stdinReader),
        files,
      );
      files.close();
      return new Run(spec, { use, backend, stdinReader, limits });
    }
  } catch (error) {
    closeResources(resources);
    release();
    limits[Symbol.dispose]();
    throw error;
  }
  closeResources(resources);
  release();
  limits[Symbol.dispose]();
  return null;
}

/** What must be open before a child can be started. */
interface OpenResources {
  readonly stdinReader: StdinReader | null;
  readonly files: OutputFiles;
}

function closeResources(resources: OpenResources | null): void {
  resources?.stdinReader?.stop();
  resources?.files.close();
}

/**
 * Returns a promise only if there is something to wait for: a turn of the event loop
 * takes time.
 */
function openResources(
  spec: CommandSpec,
  source: StdinSource,
): OpenResources | Promise<OpenResources> {
  const files = OutputFiles.open(spec);
  const stdinReader = openStdin(source, spec.program);
  return files instanceof Promise || stdinReader instanceof Promise
    ? openBoth(files, stdinReader)
    : { files, stdinReader };
}

async function openBoth(
  openingFiles: OutputFiles | Promise<OutputFiles>,
  openingReader: StdinReader | null | Promise<StdinReader>,
): Promise<OpenResources> {
  const [files, stdinReader] = await Promise.allSettled([
    openingFiles,
    openingReader,
  ]);
  if (files.status === "fulfilled" && stdinReader.status === "fulfilled") {
    return { files: files.value, stdinReader: stdinReader.value };
  }
  if (files.status === "fulfilled") files.value.close();
  if (stdinReader.status === "fulfilled") stdinReader.value?.stop();
  throw files.status === "rejected"
    ? files.reason
    : (stdinReader as PromiseRejectedResult).reason;
}

function stdinModeOf(
  spec: CommandSpec,
  use: RunUse,
  stdinReader: StdinReader | null,
): StdioMode {
  if (spec.stdin === "inherit") return "inherit";
  const staysOpen = spec.keepStdinOpen && use === "live";
  return stdinReader !== null || staysOpen ? "piped" : "null";
}

const NO_INPUT: StdinSource = { kind: "empty" };
