import { builtin } from "./builtin.ts";
import { makePipes } from "./kernel_pipes.ts";
import type { Pipe } from "./runtime.ts";

/** What is used of the runtime's globals. */
interface BunGlobals {
  readonly Bun: {
    spawnSync(
      command: string[],
      options: { stdio: ["ignore", "ignore", "ignore"] },
    ): { readonly success: boolean };
  };
  readonly process: { readonly platform: string };
}

/** Makes pipes. */
export function bunPipes(count: number): Pipe[] | null {
  const { process } = globals();
  if (process.platform === "win32") return null;
  return makePipes(count, { temporary: builtin("node:os").tmpdir(), mkfifo });
}

function mkfifo(paths: readonly string[]): boolean {
  try {
    return globals().Bun.spawnSync(["mkfifo", ...paths], {
      stdio: ["ignore", "ignore", "ignore"],
    }).success;
  } catch {
    // It is not there, or may not be executed.
    return false;
  }
}

function globals(): BunGlobals {
  return globalThis as unknown as BunGlobals;
}
