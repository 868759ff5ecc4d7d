import { bunFiles } from "./bun_files.ts";
import { bunSpawn } from "./bun_spawn.ts";
import type { Runtime } from "./runtime.ts";

/** The runtime that is Bun. */
export function bunRuntime(): Runtime {
  return { spawn: bunSpawn, files: bunFiles };
}
