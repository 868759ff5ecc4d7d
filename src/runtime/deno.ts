import { denoFiles } from "./deno_files.ts";
import { denoNetwork } from "./deno_network.ts";
import { denoSpawn, denoWhich } from "./deno_spawn.ts";
import { denoEnvironment } from "./deno_environment.ts";
import { denoSystem } from "./deno_system.ts";
import type { Runtime } from "./runtime.ts";

/** The runtime that is Deno. */
export function denoRuntime(): Runtime {
  return {
    spawn: denoSpawn,
    which: denoWhich,
    // It cannot, and leaves a second copy of a descriptor in the child that is given one:
    // nobody would see the end of what that writes to.
    pipes: () => null,
    files: denoFiles,
    system: denoSystem,
    network: denoNetwork,
    environment: denoEnvironment,
    onExit: (action) => globalThis.addEventListener("unload", action),
  };
}
