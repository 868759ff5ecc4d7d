// What `deno task bench` runs: every measurement under Deno and then under Bun.
// Compare the figures of one run only: absolute times drift from run to run.

const ROOT = new URL("..", import.meta.url).pathname;
const BUN = `${ROOT}node_modules/bun/bin/bun.exe`;

const MEASUREMENTS = [
  "spawn.ts",
  "containment.ts",
  "streams.ts",
  "pipelines.ts",
  "replay.ts",
  "cassette.ts",
];

for (const name of MEASUREMENTS) {
  const path = `${ROOT}bench/${name}`;
  await pass(Deno.execPath(), [
    "run",
    "-A",
    "--quiet",
    "--no-check",
    "--v8-flags=--expose-gc",
    path,
  ]);
  await pass(BUN, [path]);
}

/** Runs a program with its output on the terminal. */
async function pass(program: string, args: string[]): Promise<void> {
  const { success } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "null",
  }).spawn().status;
  if (!success) Deno.exit(1);
}
