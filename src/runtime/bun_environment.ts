import { builtin } from "./builtin.ts";
import { bunProcess } from "./bun_process.ts";
import type { HostEnvironment } from "./runtime.ts";

/** Implements {@linkcode HostEnvironment} with the Node.js modules of Bun. */
export const bunEnvironment: HostEnvironment = {
  variable: (name) => bunProcess().env[name] ?? null,
  hasExactStacks: false,
  canReadVariable: () => true,
  folder(which) {
    if (which === "cwd") return bunProcess().cwd();
    const os = builtin("node:os");
    // Bun's `homedir` ignores changes of HOME that the program makes.
    return which === "home"
      ? bunProcess().env.HOME || os.homedir()
      : os.tmpdir();
  },
};
