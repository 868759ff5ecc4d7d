import { checkArity, checkOptions } from "../command/checks.ts";
import type { Arguments } from "../command/command.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { CliClient, type CliClientOptions } from "./cli_client.ts";

/** Options of {@linkcode run} and {@linkcode outputString}. */
export type RunOptions = Omit<CliClientOptions, "args">;

const RUN_OPTIONS: Readonly<Record<keyof RunOptions, true>> = {
  cwd: true,
  env: true,
  timeout: true,
  cancelOn: true,
  runner: true,
};

/**
 * Runs a program and returns its stdout without trailing whitespace. Throws unless the
 * program succeeds. `run(program, args)` is short for `new Command(program, args).run()`.
 *
 * @throws {ExitError} if the exit code is not 0
 * @throws {NotFoundError} if the program does not exist
 * @throws {TypeError} if `args` is not an array of strings, or the name of an option is unknown
 * @throws what {@linkcode Command.run} throws
 *
 * @example
 * ```ts
 * import { run } from "@processkit/processkit";
 *
 * console.log(await run("git", ["--version"], { timeout: 10_000 }));
 * ```
 */
export async function run(
  program: string | URL,
  args: Arguments = [],
  options: RunOptions = {},
): Promise<string> {
  checkOptions("run: the options", options, RUN_OPTIONS);
  checkArity("run", arguments, 3, "everything else is a method of Command");
  return await new CliClient(program, options).run(args);
}

/**
 * Runs a program and returns the outcome and the output as text, whatever the exit code.
 * `outputString(program, args)` is short for `new Command(program, args).outputString()`.
 *
 * @throws {NotFoundError} if the program does not exist
 * @throws {TypeError} if `args` is not an array of strings, or the name of an option is unknown
 * @throws what {@linkcode Command.outputString} throws
 *
 * @example
 * ```ts
 * import { outputString } from "@processkit/processkit";
 *
 * const { code, stderr } = await outputString("ls", ["/nope"]);
 * console.log(code, stderr);
 * ```
 */
export async function outputString(
  program: string | URL,
  args: Arguments = [],
  options: RunOptions = {},
): Promise<ProcessResult<string>> {
  checkOptions("outputString: the options", options, RUN_OPTIONS);
  checkArity(
    "outputString",
    arguments,
    3,
    "everything else is a method of Command",
  );
  return await new CliClient(program, options).outputString(args);
}
