// The programs of the two runtimes, for tests that start another process of a runtime.

import { Command, JobRunner, Stdin } from "../mod.ts";
import type { Answer, Request } from "./fixtures/outcome.ts";
import { runtimeName } from "./runtime_name.ts";
import { fromFileUrl, join } from "./std.ts";

/** The root folder of the repository. */
export const ROOT: string = fromFileUrl(new URL("..", import.meta.url));

const { process } = globalThis as unknown as {
  process: { execPath: string; env: Record<string, string | undefined> };
};

/** The program of each runtime. */
export const PROGRAMS: Readonly<Record<"deno" | "bun", string>> = {
  deno: runtimeName === "deno"
    ? process.execPath
    : process.env.PROCESSKIT_TEST_DENO ?? "deno",
  bun: runtimeName === "bun"
    ? process.execPath
    : join(ROOT, "node_modules/bun/bin/bun.exe"),
};

/** Returns the program and the arguments that run a script. On Deno, it has these permissions and never prompts. */
export function scriptWords(
  runtime: "deno" | "bun",
  script: string,
  permissions: readonly string[] = ["-A"],
): { program: string; args: string[] } {
  const path = join(ROOT, script);
  if (runtime === "bun") return { program: PROGRAMS.bun, args: [path] };
  return {
    program: PROGRAMS.deno,
    args: ["run", "--no-prompt", "--quiet", "--no-check", ...permissions, path],
  };
}

/** Runs a command in a new process of a runtime. On Deno, the process has these permissions. */
export async function outcomeIn(
  runtime: "deno" | "bun",
  request: Request,
  permissions?: readonly string[],
  stdin = Stdin.empty(),
): Promise<Answer> {
  const words = scriptWords(runtime, "tests/fixtures/outcome.ts", permissions);
  const command = new Command(words.program, words.args)
    .arg(JSON.stringify(request)).stdin(stdin);
  // Not contained: a test may be about the processes that the command leaves behind.
  const printed = await new JobRunner({ containment: "none" }).run(command);
  return JSON.parse(printed);
}
