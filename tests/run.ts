// Runs the suite, for `deno task test`, `test:full` and `test:quick`. Each check, and each
// test file under each runtime, is a job in its own process. A few jobs run at the same
// time. A finished job prints one line, and its output if it failed. The last line is the
// total.
//
//   deno run -A tests/run.ts                  checks, the suite under both runtimes
//   deno run -A tests/run.ts --full           the same, with campaigns at full size
//   deno run -A tests/run.ts --quick [FILTER] one runtime, no checks, no campaigns
//
// FILTER is a part of the path of a test file. If no path contains it, it is a part of the
// name of a test. --deno and --bun choose a runtime.

import { parseArgs } from "node:util";

const ROOT = new URL("..", import.meta.url).pathname;
const DENO = Deno.execPath();
const BUN = `${ROOT}node_modules/bun/bin/bun.exe`;
/** The file with the last duration of each job. The longest jobs start first. */
const DURATIONS = `${ROOT}node_modules/.cache/processkit/test_durations.json`;
/** After this time a job counts as hanging and is killed. */
const LONGEST_JOB_MS = 1_200_000;

const RUNTIMES = ["deno", "bun"] as const;
type RuntimeName = typeof RUNTIMES[number];

interface Job {
  readonly title: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Where the runtime writes its JUnit report; `null` for a check. */
  readonly report: string | null;
}

interface Count {
  readonly passed: number;
  readonly failed: number;
}

const { values: flags, positionals: [filter = ""] } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    full: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    deno: { type: "boolean", default: false },
    bun: { type: "boolean", default: false },
  },
});
const chosen = RUNTIMES.filter((name) => flags[name]);
const runtimes: readonly RuntimeName[] = chosen.length > 0
  ? chosen
  : flags.quick
  // Bun starts faster than Deno.
  ? ["bun"]
  : RUNTIMES;
const scratch = await Deno.makeTempDir({ prefix: "processkit-suite-" });
const durations = await readDurations();
const started = performance.now();

try {
  const jobs = [
    ...(flags.quick ? [] : await checks()),
    ...suite(await testFiles()),
  ];
  const counts = await runAll(jobs, navigator.hardwareConcurrency + 2);
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`\n${passed} passed, ${failed} failed (${seconds} s)`);
  await writeDurations();
  if (failed > 0 || passed === 0) Deno.exitCode = 1;
} finally {
  await Deno.remove(scratch, { recursive: true });
}

/** The jobs for the checks: types, lint and format. */
async function checks(): Promise<Job[]> {
  const check = (title: string, ...args: string[]): Job => ({
    title,
    program: DENO,
    args,
    report: null,
  });
  return [
    check("type check", "check", "--quiet", "."),
    check(
      "type check of the examples",
      "check",
      "--quiet",
      "--doc",
      "mod.ts",
      "src",
      "README.md",
      ...await pages(),
    ),
    check("lint", "lint", "--quiet"),
    check("format check", "fmt", "--quiet", "--check"),
  ];
}

/** The pages of the documentation, relative to the root. */
async function pages(): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name } of Deno.readDir(`${ROOT}docs`)) {
      if (name.endsWith(".md")) found.push(`docs/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort();
}

/** The test files of this run, relative to the root. */
async function testFiles(): Promise<string[]> {
  const files: string[] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(ROOT + folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await walk(path);
      else if (name.endsWith("_test.ts")) files.push(path);
    }
  };
  await walk("tests");
  const isCampaign = (file: string) => file.endsWith("_campaign_test.ts");
  return files.sort().filter((file) => !flags.quick || !isCampaign(file));
}

/** The jobs for the test files, the longest first. */
function suite(files: readonly string[]): Job[] {
  const byPath = files.filter((file) => file.includes(filter));
  const isByName = byPath.length === 0;
  const jobs = runtimes.flatMap((runtime) =>
    (isByName ? files : byPath).map((file, index): Job => {
      const report = `${scratch}/${runtime}-${index}.xml`;
      const named = isByName ? filter : "";
      return runtime === "deno"
        ? {
          title: `deno  ${file}`,
          program: DENO,
          args: [
            "test",
            "-A",
            "--quiet",
            "--no-check",
            `--junit-path=${report}`,
            ...(named === "" ? [] : [`--filter=${named}`]),
            file,
          ],
          report,
        }
        : {
          title: `bun   ${file}`,
          program: BUN,
          args: [
            "test",
            `--timeout=${LONGEST_JOB_MS}`,
            "--reporter=junit",
            `--reporter-outfile=${report}`,
            ...(named === ""
              ? []
              : [`--test-name-pattern=${RegExp.escape(named)}`]),
            `./${file}`,
          ],
          report,
        };
    })
  );
  const durationOf = ({ title }: Job) => durations[title] ?? Infinity;
  // Not by the difference: Infinity - Infinity is NaN.
  return jobs.sort((one, other) =>
    durationOf(one) === durationOf(other)
      ? 0
      : durationOf(one) < durationOf(other)
      ? 1
      : -1
  );
}

async function runAll(
  jobs: readonly Job[],
  concurrency: number,
): Promise<Count[]> {
  const waiting = jobs.values();
  const counts: Count[] = [];
  const work = async () => {
    for (const job of waiting) counts.push(await runJob(job));
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return counts;
}

async function runJob(job: Job): Promise<Count> {
  const log = `${scratch}/${crypto.randomUUID()}.log`;
  const before = performance.now();
  // Output goes to a file: a background process that a failed test left would keep a pipe open.
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" >"$0" 2>&1', log, job.program, ...job.args],
    cwd: ROOT,
    env: {
      NO_COLOR: "1",
      PROCESSKIT_TEST_DENO: DENO,
      PROCESSKIT_TEST_SIZE: flags.full ? "full" : "small",
    },
    stdin: "null",
  }).spawn();
  const deadline = setTimeout(() => child.kill("SIGKILL"), LONGEST_JOB_MS);
  const { success } = await child.status;
  clearTimeout(deadline);
  const ms = performance.now() - before;
  const count = job.report === null
    ? { passed: 0, failed: success ? 0 : 1 }
    : await countOf(job.report, success);
  const isGood = success && count.failed === 0;
  if (isGood && filter === "") durations[job.title] = Math.round(ms);
  const tests = job.report === null ? "" : `  ${count.passed} passed`;
  console.log(
    `${isGood ? "ok    " : "FAILED"} ${job.title}${tests}  ${
      (ms / 1000).toFixed(1)
    } s`,
  );
  if (!isGood) console.log(await Deno.readTextFile(log));
  return count;
}

/** Counts the tests in the report of a runtime. A job that failed without a failed test counts as one failure. */
async function countOf(report: string, success: boolean): Promise<Count> {
  const text = await Deno.readTextFile(report).catch(() => "");
  const head = /<testsuites [^>]*>/.exec(text)?.[0] ?? "";
  const number = (name: string) =>
    Number(new RegExp(` ${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = number("failures") + number("errors");
  // Bun fails if no test of a file matches the filter. A test of another file matches.
  if (filter !== "" && head !== "" && number("tests") === number("skipped")) {
    return { passed: 0, failed: 0 };
  }
  const passed = number("tests") - failed - number("skipped");
  return { passed, failed: failed === 0 && !success ? 1 : failed };
}

async function readDurations(): Promise<Record<string, number>> {
  try {
    return JSON.parse(await Deno.readTextFile(DURATIONS));
  } catch {
    return {};
  }
}

async function writeDurations(): Promise<void> {
  await Deno.mkdir(new URL(".", `file://${DURATIONS}`), { recursive: true });
  await Deno.writeTextFile(DURATIONS, JSON.stringify(durations));
}
