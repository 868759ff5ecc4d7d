import { UnsupportedError } from "../outcome/errors.ts";
import { builtin } from "./builtin.ts";
import { isGranted } from "./deno_permission.ts";
import type { HostEnvironment } from "./runtime.ts";

/** Implements {@linkcode HostEnvironment} with Deno's own functions. */
export const denoEnvironment: HostEnvironment = {
  variable,
  hasExactStacks: true,
  canReadVariable,
  folder(which) {
    if (which === "cwd") return Deno.cwd();
    return which === "home" ? home() : temporaryFolder();
  },
};

function variable(name: string): string | null {
  return readVariable(name) ?? null;
}

function canReadVariable(name: string): boolean {
  return readVariable(name) !== null;
}

/** Reads a variable: `undefined` if it is not set, `null` if it cannot be read. */
function readVariable(name: string): string | undefined | null {
  if (!isGranted({ name: "env", variable: name })) return null;
  try {
    return Deno.env.get(name);
  } catch (error) {
    // The value is not UTF-8. The message of the error contains the value, which may be a
    // secret, so the error is not passed on.
    if (error instanceof Deno.errors.InvalidData) return null;
    throw error;
  }
}

function home(): string {
  const configured = variable("HOME") ?? variable("USERPROFILE");
  if (configured) return configured;
  if (isGranted({ name: "sys", kind: "homedir" })) {
    return builtin("node:os").homedir();
  }
  throw new UnsupportedError(
    "finding the home folder",
    "grant --allow-env=HOME",
  );
}

function temporaryFolder(): string {
  const names = Deno.build.os === "windows" ? ["TEMP", "TMP"] : ["TMPDIR"];
  if (!names.every(canReadVariable)) {
    throw new UnsupportedError(
      "finding the folder for temporary files",
      `grant --allow-env=${names.join(",")}`,
    );
  }
  const configured = names.map(variable).find((folder) => folder !== null);
  return configured ||
    (Deno.build.os === "windows" ? "C:\\Windows\\Temp" : "/tmp");
}
