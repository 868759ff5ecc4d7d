// What a library does with processes and their output, in words for a cell of a table.

import { stat, writeFile } from "node:fs/promises";
import { ask, killParts, type RuntimeName, start } from "./asking.ts";
import { newMarker, PARTS, pidOf, runningParts } from "./processes.ts";

export async function deadline(
  runtime: RuntimeName,
  library: string,
  option: string,
): Promise<string> {
  const fact = await ask({
    runtime,
    library,
    option,
    observation: "deadline",
    argument: newMarker(),
  }) as { ms: number | null; left: string[] };
  const settled = fact.ms === null
    ? "does not settle within 5 s"
    : `settles after ${fact.ms} ms`;
  return `${settled}; left: ${listed(fact.left)}`;
}

export async function heldPipe(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  const { ms } = await ask({
    runtime,
    library,
    observation: "held pipe",
    argument: newMarker(),
  }) as { ms: number | null };
  return ms === null ? "does not settle within 5 s" : `settles after ${ms} ms`;
}

export async function afterDeath(
  observation: "crash" | "wait",
  runtime: RuntimeName,
  library: string,
  option: string,
): Promise<string> {
  const marker = newMarker();
  await using owner = start({
    runtime,
    library,
    option,
    observation,
    argument: marker,
  });
  if (observation === "wait") {
    while ((await runningParts(marker)).length < PARTS.length) await sleep(50);
    owner.kill("SIGKILL");
  }
  const { code, signal } = await owner.status;
  await Promise.all([owner.stdout.cancel(), owner.stderr.cancel()]);
  await sleep(3000);
  const left = (await runningParts(marker)).map(({ part }) => part);
  await killParts(marker);
  return `${listed(left)} (owner: ${signal ?? `code ${code}`})`;
}

export async function exportedNames(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  const names = await ask({
    runtime,
    library,
    observation: "exports",
  }) as string[];
  const found = names.filter((name) =>
    /record|replay|cassette|supervis|restart|retry|retries/i.test(name)
  );
  return listed(found);
}

export async function template(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  return JSON.stringify(
    await ask({ runtime, library, observation: "template" }),
  );
}

export async function double(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  const fact = await ask({ runtime, library, observation: "double" });
  return fact === null ? "none" : JSON.stringify(fact);
}

export async function lines(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  const fact = await ask({ runtime, library, observation: "lines" });
  return Array.isArray(fact)
    ? `${fact.join(" and ")} ms`
    : JSON.stringify(fact);
}

export async function backpressure(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  const file = await Deno.makeTempFile();
  try {
    const line = `${"x".repeat(127)}\n`;
    await writeFile(file, line.repeat(2 ** 21));
    const printed = [];
    // More than one go: whether a peer pauses may depend on how fast it starts.
    for (let go = 0; go < 5; go++) {
      printed.push(
        await ask({
          runtime,
          library,
          observation: "backpressure",
          argument: file,
        }),
      );
    }
    return printed.map((fact) =>
      typeof fact === "object" ? JSON.stringify(fact) : `${fact} MB`
    ).join(", ");
  } finally {
    await Deno.remove(file);
  }
}

/** Stops the program that started two stages, and looks whether anything still goes from one to the other. */
export async function pipeline(
  runtime: RuntimeName,
  library: string,
  option: string,
): Promise<string> {
  const subject = { runtime, library, option };
  const file = `${await Deno.makeTempDir()}/600`;
  await using owner = start({
    ...subject,
    observation: "pipeline",
    argument: file,
  });
  while (
    await pidOf("sh", `${file}0`) === undefined ||
    await pidOf("sh", file) === undefined
  ) await sleep(20);
  owner.kill("SIGSTOP");
  await writeFile(`${file}0`, "");
  await sleep(3000);
  const isDirect = await stat(file).then(() => true, () => false);
  owner.kill("SIGCONT");
  await owner.status;
  await Promise.all([owner.stdout.cancel(), owner.stderr.cancel()]);
  await Deno.remove(file.slice(0, -"/600".length), { recursive: true });
  const failed = await ask({ ...subject, observation: "first stage fails" });
  return `${isDirect ? "joined directly" : "joined by the program"}; ${
    (failed as { error?: string }).error === undefined ? "succeeds" : "fails"
  }`;
}

/** The first of these sets, each larger than the one before, with which a run works. */
export async function permissions(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  if (runtime === "bun") return "(Bun has no permissions)";
  const sets = [
    "--allow-run=sh",
    "--allow-run=sh --allow-env",
    "--allow-run=sh --allow-env --allow-read",
    "--allow-run=sh --allow-env --allow-read --allow-sys",
    "--allow-run=sh,bash,/bin/bash,/usr/bin/bash --allow-env --allow-read --allow-sys",
    "--allow-run --allow-env --allow-read --allow-sys",
    "--allow-all",
  ];
  for (const set of sets) {
    const fact = await ask({
      runtime,
      library,
      observation: "run",
      permissions: set.split(" "),
    });
    if (typeof fact === "string" && fact.trim() === "ran") return set;
  }
  return "more than all";
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.join(", ");
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
