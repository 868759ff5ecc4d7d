import {
  type CommandSpec,
  hasStdoutListeners,
  type OutputFile,
} from "../command/spec.ts";
import { SpawnError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import { runtime } from "../runtime/detect.ts";
import type { OutputDescriptor, StdioMode } from "../runtime/runtime.ts";

/** The files that a child is to have for its output streams, open; and what it has instead. */
export class OutputFiles {
  /** What each stream is to be. */
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
   * Opens them; waits only where there are any.
   *
   * @throws {SpawnError} if one cannot be opened
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

  /** Closes what the child has by now, or never will. */
  close(): void {
    // Nothing was written by way of these: there is nothing that could get lost.
    for (const file of this.#open) file.close().catch(() => {});
  }
}

/** The pipe to the next stage, unless what goes into it is to be heard here as well. */
function stagePipeWriter(spec: CommandSpec): number | null {
  return spec.connection === null || hasStdoutListeners(spec)
    ? null
    : spec.connection.takeWriter();
}

/** The same file is one descriptor: two would write over each other. */
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
