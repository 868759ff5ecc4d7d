import { builtin } from "./builtin.ts";
import type { Pipe, PipeEnd } from "./runtime.ts";

/** What differs between the runtimes when pipes are made. */
export interface PipeMaker {
  /** The folder for temporary files. */
  readonly temporary: string;
  /** Runs `mkfifo`, to its end, and tells whether it succeeded. */
  mkfifo(paths: readonly string[]): boolean;
}

/**
 * Makes pipes of the kernel's; `null` if that fails, for whatever reason. Neither
 * runtime can, but both can open a FIFO, which is one that has a name: so it is
 * given one, for a moment, where nobody else looks.
 */
export function makePipes(count: number, maker: PipeMaker): Pipe[] | null {
  const { mkdtempSync, rmSync } = builtin("node:fs");
  let folder: string | null = null;
  const pipes: Pipe[] = [];
  try {
    folder = mkdtempSync(`${maker.temporary}/processkit-pipes-`);
    const paths = Array.from(
      { length: count },
      (_, index) => `${folder}/${index}`,
    );
    if (!maker.mkfifo(paths)) return null;
    for (const path of paths) pipes.push(open(path));
    return pipes;
  } catch {
    for (const { reader, writer } of pipes) {
      reader.close();
      writer.close();
    }
    return null;
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

function open(path: string): Pipe {
  const { openSync, closeSync } = builtin("node:fs");
  // Each end waits for the other to be opened, unless somebody has both.
  const both = openSync(path, "r+");
  try {
    const reader = end(openSync(path, "r"));
    try {
      return { reader, writer: end(openSync(path, "w")) };
    } catch (error) {
      reader.close();
      throw error;
    }
  } finally {
    closeSync(both);
  }
}

function end(descriptor: number): PipeEnd {
  return { descriptor, close: () => builtin("node:fs").closeSync(descriptor) };
}
