import { builtin } from "./builtin.ts";
import { bunProcess } from "./bun_process.ts";
import type { Surroundings } from "./runtime.ts";

/** What surrounds the program, by way of what Bun has of Node's modules. */
export const bunSurroundings: Surroundings = {
  variable: (name) => bunProcess().env[name] ?? null,
  folder(which) {
    if (which === "cwd") return bunProcess().cwd();
    const os = builtin("node:os");
    return which === "home" ? os.homedir() : os.tmpdir();
  },
};
