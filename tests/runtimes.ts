// The two runtimes as programs, for tests that need another process of one.

import { Command, JobRunner, Stdin } from "../mod.ts";
import type { Answer, Request } from "./fixtures/outcome.ts";
import { runtimeName } from "./runtime_name.ts";
import { fromFileUrl, join } from "./std.ts";

/** The folder of the repository. */
export const ROOT: string = fromFileUrl(new URL("..", import.meta.url));

const { process } = globalThis as unknown as {
  process: { execPath: string; env: Record<string, string | undefined> };
};

/** The program of each runtime, whichever of them the suite is running in. */
export const PROGRAMS: Readonly<Record<"deno" | "bun", string>> = {
  deno: runtimeName === "deno"
    ? process.execPath
    : process.env.PROCESSKIT_TEST_DENO ?? "deno",
  bun: runtimeName === "bun"
    ? process.execPath
    : join(ROOT, "node_modules/bun/bin/bun.exe"),
};

/** The words that start a script in a runtime; on Deno with these permissions, and never prompting. */
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

/** Runs a command in a process of its own of a runtime; on Deno with these permissions. */
export async function outcomeIn(
  runtime: "deno" | "bun",
  request: Request,
  permissions?: readonly string[],
  stdin = Stdin.empty(),
): Promise<Answer> {
  const words = scriptWords(runtime, "tests/fixtures/outcome.ts", permissions);
  const command = new Command(words.program, words.args)
    .arg(JSON.stringify(request)).stdin(stdin);
  // Not contained: what it leaves behind is what a test may be about.
  const printed = await new JobRunner({ containment: "none" }).run(command);
  return JSON.parse(printed);
}
