import { checkArity, checkOptions } from "../command/checks.ts";
import type { Arguments } from "../command/command.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { CliClient, type CliClientOptions } from "./cli_client.ts";

/** What a one-liner may say beside the program and its arguments. */
export type RunOptions = Omit<CliClientOptions, "args">;

const RUN_OPTIONS: Readonly<Record<keyof RunOptions, true>> = {
  cwd: true,
  env: true,
  timeout: true,
  cancelOn: true,
  runner: true,
};

/**
 * Runs a program, which must succeed, and returns its stdout without trailing
 * whitespace: `new Command(program, args).run()`, for a line of a script.
 *
 * @throws {ExitError} if it exits with another code than 0
 * @throws {NotFoundError} if it is not there; and what {@linkcode Command.run} throws
 *
 * @example
 * ```ts
 * import { run } from "@processkit/processkit";
 *
 * console.log(await run("git", ["--version"]));
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
 * Runs a program and captures its output as text, whatever its exit code.
 *
 * @throws {NotFoundError} if it is not there; and what {@linkcode Command.outputString} throws
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
