// Starts an observation (subject.ts) and reads what it prints.

import { runningParts } from "./processes.ts";

/** A runtime that the libraries are observed on. */
export type RuntimeName = "deno" | "bun";

/** The root of the repository. */
export const ROOT = new URL("../..", import.meta.url).pathname;

/** The program of Bun. */
export const BUN = `${ROOT}node_modules/bun/bin/bun.exe`;

const SUBJECT = `${ROOT}bench/peers/subject.ts`;

/** The program and its arguments that run a file under a runtime. */
function words(
  runtime: RuntimeName,
  permissions: readonly string[] = ["-A"],
): [string, ...string[]] {
  return runtime === "deno"
    ? [
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-check",
      "--no-prompt",
      ...permissions,
    ]
    : [BUN];
}

/** What is observed. */
export interface Subject {
  readonly runtime: RuntimeName;
  readonly library: string;
  readonly option?: string;
  readonly observation: string;
  readonly argument?: string;
  readonly permissions?: readonly string[];
}

/** Starts an observation by the runtime's own means, so that no library cleans up after another. */
export function start(subject: Subject): Deno.ChildProcess {
  const { runtime, library, option = "", observation, argument = "" } = subject;
  const [program, ...args] = words(runtime, subject.permissions);
  return new Deno.Command(program, {
    args: [...args, SUBJECT, library, option, observation, argument],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** What an observation printed, or the line of its error. What is left of its tree is killed. */
export async function ask(subject: Subject): Promise<unknown> {
  const child = start(subject);
  const output = [child.stdout, child.stderr].map((stream) =>
    new Response(stream).text()
  );
  await child.status;
  // A process of the tree may hold the output open.
  if (subject.argument) await killParts(subject.argument);
  const [stdout, stderr] = await Promise.all(output);
  try {
    return JSON.parse(stdout.trim().split("\n").at(-1)!);
  } catch {
    const lines = stderr.split("\n");
    return { error: lines.find((line) => /error/i.test(line)) ?? "no answer" };
  }
}

/** Kills what is left of a tree. */
export async function killParts(marker: string): Promise<void> {
  for (const { pid } of await runningParts(marker)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has exited.
    }
  }
}
