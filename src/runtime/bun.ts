import { bunEnvironment } from "./bun_environment.ts";
import { bunFiles } from "./bun_files.ts";
import { bunNetwork } from "./bun_network.ts";
import { bunPipes } from "./bun_pipes.ts";
import { bunProcess } from "./bun_process.ts";
import { bunSpawn, bunWhich } from "./bun_spawn.ts";
import { bunSystem } from "./bun_system.ts";
import type { Runtime } from "./runtime.ts";

/** Returns the implementation for Bun. */
export function bunRuntime(): Runtime {
  return {
    spawn: bunSpawn,
    which: bunWhich,
    pipes: bunPipes,
    files: bunFiles,
    system: bunSystem,
    network: bunNetwork,
    environment: bunEnvironment,
    onExit: (action) => bunProcess().on("exit", action),
  };
}
