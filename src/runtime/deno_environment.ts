import { UnsupportedError } from "../outcome/errors.ts";
import { builtin } from "./builtin.ts";
import { isGranted } from "./deno_permission.ts";
import type { HostEnvironment } from "./runtime.ts";

/** What surrounds the program, by way of Deno's own calls. */
export const denoEnvironment: HostEnvironment = {
  variable,
  hasExactStacks: true,
  canReadVariable,
  folder(which) {
    if (which === "cwd") return Deno.cwd();
    return which === "home" ? home() : temporary();
  },
};

function variable(name: string): string | null {
  return readVariable(name) ?? null;
}

function canReadVariable(name: string): boolean {
  return readVariable(name) !== null;
}

/** Its value; `undefined` if there is none, and `null` if it cannot be read. */
function readVariable(name: string): string | undefined | null {
  if (!isGranted({ name: "env", variable: name })) return null;
  try {
    return Deno.env.get(name);
  } catch (error) {
    // Its value is no UTF-8: the error has the value in it, and is not passed on.
    if (error instanceof Deno.errors.InvalidData) return null;
    throw error;
  }
}

function home(): string {
  const named = variable("HOME") ?? variable("USERPROFILE");
  if (named) return named;
  if (isGranted({ name: "sys", kind: "homedir" })) {
    return builtin("node:os").homedir();
  }
  throw new UnsupportedError(
    "knowing the home folder",
    "grant --allow-env=HOME",
  );
}

function temporary(): string {
  const names = Deno.build.os === "windows" ? ["TEMP", "TMP"] : ["TMPDIR"];
  if (!names.every(canReadVariable)) {
    throw new UnsupportedError(
      "knowing the folder for temporary files",
      `grant --allow-env=${names.join(",")}`,
    );
  }
  const named = names.map(variable).find((folder) => folder !== null);
  return named || (Deno.build.os === "windows" ? "C:\\Windows\\Temp" : "/tmp");
}
