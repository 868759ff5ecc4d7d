import { builtin } from "./builtin.ts";
import type { Pipe, PipeEnd } from "./runtime.ts";

/** The globals of Bun that are used here. */
interface BunGlobals {
  readonly Bun: {
    spawnSync(
      command: string[],
      options: { stdio: ["ignore", "ignore", "ignore"] },
    ): { readonly success: boolean };
  };
  readonly process: { readonly platform: string };
}

/**
 * Creates kernel pipes, or returns `null` if that fails for any reason. Bun has no call
 * that creates a pipe, but it can open a FIFO, which is a pipe with a name. So `mkfifo`
 * creates FIFOs in a private temporary folder, which is removed once they are open.
 */
export function bunPipes(count: number): Pipe[] | null {
  if (globals().process.platform === "win32") return null;
  const { mkdtempSync, rmSync } = builtin("node:fs");
  let folder: string | null = null;
  const pipes: Pipe[] = [];
  try {
    folder = mkdtempSync(`${builtin("node:os").tmpdir()}/processkit-pipes-`);
    const paths = Array.from(
      { length: count },
      (_, index) => `${folder}/${index}`,
    );
    const { success } = globals().Bun.spawnSync(["mkfifo", ...paths], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    if (!success) return null;
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
  // Opening one end of a FIFO blocks until the other end is open. A descriptor that has
  // both ends open prevents that.
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

function globals(): BunGlobals {
  return globalThis as unknown as BunGlobals;
}
