import { Command, specOf } from "../command/command.ts";
import { runtime } from "../runtime/detect.ts";

/**
 * Finds the path of the program that a run would start, by the same rules, and starts
 * nothing. Of a command, its own `PATH` and working directory count.
 *
 * On Deno this takes `--allow-env=PATH` and `--allow-read`.
 *
 * @throws {NotFoundError} if it is not there
 * @throws {SpawnError} if what is there may not be executed, or the working directory is not there
 * @throws {UnsupportedError} if a permission is missing for it, or this is Windows
 * @throws {TypeError} if the program is empty, or holds a NUL
 *
 * @example
 * ```ts
 * import { which } from "@processkit/processkit";
 *
 * console.log(await which("sh")); // such as /bin/sh
 * ```
 */
// deno-lint-ignore require-await -- what is refused is a rejection here as with any run
export async function which(program: string | URL | Command): Promise<string> {
  const command = program instanceof Command ? program : new Command(program);
  const spec = specOf(command);
  return runtime().which({
    ...spec,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    ownGroup: false,
  });
}
