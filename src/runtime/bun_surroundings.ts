import { builtin } from "./builtin.ts";
import type { Surroundings } from "./runtime.ts";

interface ProcessGlobal {
  readonly process: {
    readonly env: Readonly<Record<string, string | undefined>>;
    cwd(): string;
  };
}

function globalProcess(): ProcessGlobal["process"] {
  return (globalThis as unknown as ProcessGlobal).process;
}

/** What surrounds the program, by way of what Bun has of Node's modules. */
export const bunSurroundings: Surroundings = {
  variable: (name) => globalProcess().env[name] ?? null,
  folder(which) {
    if (which === "cwd") return globalProcess().cwd();
    const os = builtin("node:os");
    return which === "home" ? os.homedir() : os.tmpdir();
  },
};
