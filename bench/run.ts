// Runs every benchmark under Deno and then under Bun; see `deno task bench`. Compare only
// figures of the same run: absolute times vary from run to run.

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
  await runProgram(Deno.execPath(), [
    "run",
    "-A",
    "--quiet",
    "--no-check",
    "--v8-flags=--expose-gc",
    path,
  ]);
  await runProgram(BUN, [path]);
}

/** Runs a program with inherited output, and exits if it fails. */
async function runProgram(program: string, args: string[]): Promise<void> {
  const { success } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "null",
  }).spawn().status;
  if (!success) Deno.exit(1);
}
