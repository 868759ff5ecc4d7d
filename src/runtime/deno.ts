import { denoFiles } from "./deno_files.ts";
import { denoNetwork } from "./deno_network.ts";
import { denoPipes } from "./deno_pipes.ts";
import { denoSpawn, denoWhich } from "./deno_spawn.ts";
import { denoSystem } from "./deno_system.ts";
import type { Runtime } from "./runtime.ts";

/** The runtime that is Deno. */
export function denoRuntime(): Runtime {
  return {
    spawn: denoSpawn,
    which: denoWhich,
    pipes: denoPipes,
    files: denoFiles,
    system: denoSystem,
    network: denoNetwork,
  };
}
