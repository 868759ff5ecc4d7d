// Measures a run, compared with the runtime's own way to start a child and read its output:
// in a small process, and in one with much memory, where starting a child can be slower.

import { Command, JobRunner, type ProcessRunner } from "../mod.ts";
import {
  difference,
  duration,
  medians,
  printHead,
  printRow,
  ratio,
  runtimeName,
  type Trial,
} from "./measure.ts";

/** The part of Bun's global object that is used here. */
interface BunGlobal {
  spawn(
    command: string[],
    options: { stdin: "ignore"; stdout: "pipe"; stderr: "pipe" },
  ): {
    readonly stdout: { text(): Promise<string> };
    readonly stderr: { text(): Promise<string> };
    readonly exited: Promise<number>;
  };
}

const PROGRAM = "/bin/true";
const SETSID = "/usr/bin/setsid";
const ROUNDS = { warmUp: 30, measured: 300 };

const onDeno = runtimeName === "Deno";
const bare = onDeno ? bareDeno : bareBun();
const contained = new JobRunner();
const uncontained = new JobRunner({ containment: "none" });
const inCgroup = new JobRunner({ containment: "auto" });
const ballast: Uint8Array[] = [];

await compare("outputString of /bin/true");
loadBallast();
await compare(`the same beside ${ballast.length} MB of arrays`);
await inCgroup[Symbol.asyncDispose]();

async function compare(title: string): Promise<void> {
  const trials: Record<string, Trial> = {
    bare: () => duration(() => bare(PROGRAM)),
    contained: trialOf(contained),
    uncontained: trialOf(uncontained),
    cgroup: trialOf(inCgroup),
  };
  // Deno starts a process group by setsid. This is the part of the difference that it costs.
  if (onDeno) trials.prefixed = () => duration(() => bare(SETSID, PROGRAM));
  const times = await medians(trials, ROUNDS);
  // Printed at the end, so that the memory in the title is that of the measurement.
  printHead(title);
  const print = (name: string, ours: number, result: Comparison, target = "") =>
    printRow({
      name,
      bare: times.bare,
      ours,
      result: result(times.bare, ours),
      target,
    });
  if (onDeno) {
    print("default", times.contained, difference, "≤ +0.90 ms");
    print("bare, through setsid", times.prefixed, difference);
  } else {
    print("default", times.contained, ratio, "≤ 1.20 ×");
  }
  print('containment: "none"', times.uncontained, ratio, "≤ 1.20 ×");
  if (inCgroup.mechanism === "cgroup") {
    print("cgroup", times.cgroup, difference, "≤ +1.50 ms");
  }
}

type Comparison = typeof ratio;

/** Allocates 400 MB that stay allocated until the process exits. */
function loadBallast(): void {
  while (ballast.length < 400) ballast.push(new Uint8Array(2 ** 20).fill(1));
}

function trialOf(runner: ProcessRunner): Trial {
  return () => duration(() => runner.outputString(new Command(PROGRAM)));
}

async function bareDeno(program: string, ...args: string[]): Promise<void> {
  const { stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  decoder.decode(stdout);
  decoder.decode(stderr);
}

function bareBun(): typeof bareDeno {
  const { Bun } = globalThis as unknown as { Bun: BunGlobal };
  return async (...words) => {
    const child = Bun.spawn(words, {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
  };
}
