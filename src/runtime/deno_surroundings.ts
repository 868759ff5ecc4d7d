import { UnsupportedError } from "../outcome/errors.ts";
import { builtin } from "./builtin.ts";
import { isGranted } from "./deno_permission.ts";
import type { Surroundings } from "./runtime.ts";

/** What surrounds the program, by way of Deno's own calls. */
export const denoSurroundings: Surroundings = {
  variable,
  knownVariable,
  folder(which) {
    if (which === "cwd") return Deno.cwd();
    return which === "home" ? home() : temporary();
  },
};

function variable(name: string): string | null {
  if (!isGranted({ name: "env", variable: name })) return null;
  return Deno.env.get(name) ?? null;
}

function knownVariable(name: string): string | null {
  if (isGranted({ name: "env", variable: name })) return variable(name);
  throw new UnsupportedError(
    `knowing the environment variable ${name}`,
    `grant --allow-env=${name}`,
  );
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
  if (!names.every((variable) => isGranted({ name: "env", variable }))) {
    throw new UnsupportedError(
      "knowing the folder for temporary files",
      `grant --allow-env=${names.join(",")}`,
    );
  }
  const named = names.map(variable).find((folder) => folder !== null);
  return named || (Deno.build.os === "windows" ? "C:\\Windows\\Temp" : "/tmp");
}
