// What a run costs beyond the runtime's own spawn-and-capture, in a small process
// and in one with a lot of memory, where starting a child may cost more.

import { Command, JobRunner, type ProcessRunner } from "../mod.ts";
import {
  difference,
  duration,
  type Go,
  medians,
  printHead,
  printRow,
  ratio,
  runtimeName,
} from "./measure.ts";

/** What is used of Bun's global. */
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
  const goes: Record<string, Go> = {
    bare: () => duration(() => bare(PROGRAM)),
    contained: goOf(contained),
    uncontained: goOf(uncontained),
    cgroup: goOf(inCgroup),
  };
  // What a group is made with there: how much of the difference is not ours.
  if (onDeno) goes.prefixed = () => duration(() => bare(SETSID, PROGRAM));
  const times = await medians(goes, ROUNDS);
  // Only now, so that the size it tells is one that lasted.
  printHead(title);
  const print = (name: string, ours: number, result: Comparison, most = "") =>
    printRow({
      name,
      bare: times.bare,
      ours,
      result: result(times.bare, ours),
      target: most,
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

/** Makes the process large, for as long as it lasts. */
function loadBallast(): void {
  while (ballast.length < 400) ballast.push(new Uint8Array(2 ** 20).fill(1));
}

function goOf(runner: ProcessRunner): Go {
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
