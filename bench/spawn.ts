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
const ROUNDS = { warmUp: 30, measured: 300 };

const bare = runtimeName === "Deno" ? bareDeno : bareBun();
const contained = new JobRunner();
const uncontained = new JobRunner({ containment: "none" });

await compare("outputString of /bin/true");
const ballast = Array.from(
  { length: 400 },
  () => new Uint8Array(2 ** 20).fill(1),
);
await compare(`the same beside ${ballast.length} MB of arrays`);

async function compare(title: string): Promise<void> {
  printHead(title);
  const times = await medians({
    bare: () => duration(bare),
    contained: goOf(contained),
    uncontained: goOf(uncontained),
  }, ROUNDS);
  printRow({
    name: "default",
    bare: times.bare,
    ours: times.contained,
    ...(runtimeName === "Deno"
      ? {
        result: difference(times.bare, times.contained),
        target: "≤ +0.90 ms",
      }
      : { result: ratio(times.bare, times.contained), target: "≤ 1.20 ×" }),
  });
  printRow({
    name: 'containment: "none"',
    bare: times.bare,
    ours: times.uncontained,
    result: ratio(times.bare, times.uncontained),
    target: "≤ 1.20 ×",
  });
}

function goOf(runner: ProcessRunner): Go {
  return () => duration(() => runner.outputString(new Command(PROGRAM)));
}

async function bareDeno(): Promise<void> {
  const { stdout, stderr } = await new Deno.Command(PROGRAM, {
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  decoder.decode(stdout);
  decoder.decode(stderr);
}

function bareBun(): () => Promise<void> {
  const { Bun } = globalThis as unknown as { Bun: BunGlobal };
  return async () => {
    const child = Bun.spawn([PROGRAM], {
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
