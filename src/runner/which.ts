import { Command, specOf } from "../command/command.ts";
import { runtime } from "../runtime/detect.ts";

/**
 * Returns the path of the program that a run would start, without starting it. For a
 * command, its own `PATH` and working directory apply.
 *
 * On Deno this needs `--allow-env=PATH` and `--allow-read`.
 *
 * @throws {NotFoundError} if the program does not exist
 * @throws {SpawnError} if the file may not be executed, or the working directory does
 *   not exist
 * @throws {UnsupportedError} if a permission is missing, or on Windows
 * @throws {TypeError} if the program is empty or contains a NUL
 *
 * @example
 * ```ts
 * import { which } from "@processkit/processkit";
 *
 * console.log(await which("sh")); // such as /bin/sh
 * ```
 */
// deno-lint-ignore require-await -- errors must be rejections, as with a run
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
