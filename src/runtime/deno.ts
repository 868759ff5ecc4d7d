import { denoFiles } from "./deno_files.ts";
import { denoNetwork } from "./deno_network.ts";
import { denoSpawn } from "./deno_spawn.ts";
import { denoSystem } from "./deno_system.ts";
import type { Runtime } from "./runtime.ts";

/** The runtime that is Deno. */
export function denoRuntime(): Runtime {
  return {
    spawn: denoSpawn,
    files: denoFiles,
    system: denoSystem,
    network: denoNetwork,
  };
}
