import { denoEnvironment } from "./deno_environment.ts";
import { denoFiles } from "./deno_files.ts";
import { denoNetwork } from "./deno_network.ts";
import { denoSpawn, denoWhich } from "./deno_spawn.ts";
import { denoSystem } from "./deno_system.ts";
import type { Runtime } from "./runtime.ts";

/** Returns the implementation for Deno. */
export function denoRuntime(): Runtime {
  return {
    spawn: denoSpawn,
    which: denoWhich,
    // Deno has no call that creates a pipe. It also leaves a second copy of a descriptor in
    // the child that receives it, so a pipe would stay open after that child closes its end.
    pipes: () => null,
    files: denoFiles,
    system: denoSystem,
    network: denoNetwork,
    environment: denoEnvironment,
    onExit: (action) => globalThis.addEventListener("unload", action),
  };
}
