import { builtin } from "./builtin.ts";
import { bunProcess } from "./bun_process.ts";
import type { HostEnvironment } from "./runtime.ts";

/** What surrounds the program, by way of what Bun has of Node's modules. */
export const bunEnvironment: HostEnvironment = {
  variable: (name) => bunProcess().env[name] ?? null,
  hasExactStacks: false,
  canReadVariable: () => true,
  folder(which) {
    if (which === "cwd") return bunProcess().cwd();
    const os = builtin("node:os");
    // What is set while it runs, Bun's `homedir` does not see.
    return which === "home"
      ? bunProcess().env.HOME || os.homedir()
      : os.tmpdir();
  },
};
