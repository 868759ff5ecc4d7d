import { isGrantedWhole } from "./deno_permission.ts";
import { makePipes } from "./kernel_pipes.ts";
import type { Pipe } from "./runtime.ts";

/** Makes pipes; on Deno that takes permission to run `mkfifo`, and to read and write in the temporary folder. */
export function denoPipes(count: number): Pipe[] | null {
  const mayMake = Deno.build.os !== "windows" &&
    (["run", "read", "write"] as const).every((name) =>
      isGrantedWhole({ name })
    );
  return mayMake ? makePipes(count, { temporary: folder(), mkfifo }) : null;
}

function folder(): string {
  const mayAsk = isGrantedWhole({ name: "env", variable: "TMPDIR" });
  return (mayAsk ? Deno.env.get("TMPDIR") : undefined) || "/tmp";
}

function mkfifo(paths: readonly string[]): boolean {
  try {
    return new Deno.Command("mkfifo", {
      args: [...paths],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).outputSync().success;
  } catch {
    // It is not there, or may not be executed.
    return false;
  }
}
