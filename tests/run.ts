// What `deno task test` runs: type check, lint, format check, and the suite under
// Deno and then under Bun. It ends in one plain line that adds both up.

const ROOT = new URL("..", import.meta.url).pathname;
const BUN = `${ROOT}node_modules/bun/bin/bun.exe`;

/** Runs a step with its output on the terminal; true if it succeeded. */
async function step(
  title: string,
  program: string,
  args: string[],
): Promise<boolean> {
  console.log(`\n== ${title}`);
  const { success } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    env: { PROCESSKIT_TEST_DENO: Deno.execPath() },
    stdin: "null",
  }).spawn().status;
  if (!success) console.log(`== ${title}: FAILED`);
  return success;
}

interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** Runs the suite; its counts come from the report that the runtime writes. */
async function suite(
  title: string,
  program: string,
  args: (report: string) => string[],
): Promise<Count> {
  const report = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    const success = await step(title, program, args(report));
    const count = countOf(await Deno.readTextFile(report));
    console.log(`== ${title}: ${count.passed} passed, ${count.failed} failed`);
    const explained = success ? count.passed > 0 : count.failed > 0;
    return explained ? count : { ...count, failed: count.failed + 1 };
  } finally {
    await Deno.remove(report);
  }
}

function countOf(report: string): Count {
  const head = /<testsuites [^>]*>/.exec(report)?.[0] ?? "";
  const number = (name: string) =>
    Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  return { passed: number("tests") - failed - number("skipped"), failed };
}

const deno = Deno.execPath();
const checks = [
  await step("Type check", deno, ["check", "--quiet", "."]),
  await step("Type check of the examples", deno, [
    "check",
    "--quiet",
    "--doc",
    "mod.ts",
    "src",
    "README.md",
  ]),
  await step("Lint", deno, ["lint", "--quiet"]),
  await step("Format check", deno, ["fmt", "--quiet", "--check"]),
];
const counts = [
  await suite(
    "Suite under Deno",
    deno,
    (report) => ["test", "-A", "--quiet", `--junit-path=${report}`],
  ),
  await suite("Examples in the doc comments, under Deno", deno, (report) => [
    "test",
    "-A",
    "--quiet",
    "--doc",
    `--junit-path=${report}`,
    "mod.ts",
    "src",
  ]),
  await suite("Suite under Bun", BUN, (report) => [
    "test",
    "./tests",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
  ]),
];
const passed = counts.reduce((sum, count) => sum + count.passed, 0);
const failed = counts.reduce((sum, count) => sum + count.failed, 0);
console.log(`\n${passed} passed, ${failed} failed`);
if (failed > 0 || checks.includes(false)) Deno.exit(1);
