import {
  type CommandSpec,
  hasStdoutListeners,
  type OutputFile,
} from "../command/spec.ts";
import { SpawnError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import { runtime } from "../runtime/detect.ts";
import type { OutputDescriptor, StdioMode } from "../runtime/runtime.ts";

/** Opens the files that a child writes its output streams to. */
export class OutputFiles {
  /** Where each stream of the child goes. */
  readonly modes: {
    readonly stdout: StdioMode | number;
    readonly stderr: StdioMode | number;
  };
  readonly #open: readonly OutputDescriptor[];

  private constructor(
    spec: CommandSpec,
    modes: OutputFiles["modes"],
    open: readonly OutputDescriptor[],
  ) {
    this.#open = open;
    this.modes = { ...modes, stdout: stagePipeWriter(spec) ?? modes.stdout };
  }

  /**
   * Opens the files. Returns a promise only if there is a file to open.
   *
   * @throws {SpawnError} if a file cannot be opened
   */
  static open(spec: CommandSpec): OutputFiles | Promise<OutputFiles> {
    const { stdout, stderr } = spec;
    return typeof stdout === "string" && typeof stderr === "string"
      ? new OutputFiles(spec, { stdout, stderr }, [])
      : OutputFiles.#openBoth(spec);
  }

  static async #openBoth(spec: CommandSpec): Promise<OutputFiles> {
    const { program, stdout, stderr } = spec;
    const open: OutputDescriptor[] = [];
    try {
      const modes = {
        stdout: await stdioModeOf(program, "stdout", stdout, open),
        stderr: await stdioModeOf(program, "stderr", stderr, open),
      };
      return new OutputFiles(spec, modes, open);
    } catch (error) {
      await Promise.all(open.map((file) => file.close()));
      throw error;
    }
  }

  /** Closes this process's descriptors. A started child has its own. */
  close(): void {
    // This process wrote nothing through these descriptors, so an error on close loses
    // no data.
    for (const file of this.#open) file.close().catch(() => {});
  }
}

/**
 * Returns the descriptor of the pipe to the next stage; `null` if there is none, or if
 * stdout must be captured for handlers or tees.
 */
function stagePipeWriter(spec: CommandSpec): number | null {
  return spec.connection === null || hasStdoutListeners(spec)
    ? null
    : spec.connection.takeWriter();
}

/**
 * If both streams name the same file, they share one descriptor: with two, each would
 * overwrite the output of the other.
 */
async function stdioModeOf(
  program: string,
  stream: string,
  mode: CommandSpec["stdout"],
  open: OutputDescriptor[],
): Promise<StdioMode | number> {
  if (typeof mode === "string") return mode;
  const file = await openFile(program, stream, mode);
  const same = open.find(({ identity }) => identity === file.identity);
  if (same === undefined) open.push(file);
  else await file.close();
  return (same ?? file).descriptor;
}

async function openFile(
  program: string,
  stream: string,
  { path, append }: OutputFile,
): Promise<OutputDescriptor> {
  try {
    return await runtime().files.openForChild(path, { append });
  } catch (cause) {
    throw new SpawnError(
      program,
      `its ${stream} file ${JSON.stringify(path)} cannot be opened: ${
        messageOf(cause)
      }`,
      { cause },
    );
  }
}
