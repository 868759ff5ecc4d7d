// Measures pipelines, compared with those of the shell.

import process from "node:process";
import { Command, Pipeline } from "../mod.ts";
import {
  difference,
  duration,
  medians,
  printHead,
  printRow,
  ratio,
  runtimeName,
} from "./measure.ts";

const SIZE = 100 * 2 ** 20;
const source = new Command("head", ["-c", String(SIZE), "/dev/zero"]);
const between = new Command("cat");
const count = new Command("wc", ["-c"]);

printHead("100 MB through a chain", "shell");
for (const stages of [2, 5, 20]) await compare(stages, between, "≤ 2.00 ×");
// With a tee, this process reads and writes each byte.
await compare(5, between.stdoutTee(new WritableStream()), "");
await compareSmall();

async function compare(
  stages: number,
  between: Command,
  target: string,
): Promise<void> {
  const words = pipelineOf(stages, new Command("cat")).commandLine();
  let growth = 0;
  const times = await medians({
    bare: () => duration(() => counted(new Command("sh", ["-c", words]))),
    ours: async () => {
      const before = process.memoryUsage().rss;
      let most = before;
      const timer = setInterval(() => {
        most = Math.max(most, process.memoryUsage().rss);
      }, 5);
      const time = await duration(() => counted(pipelineOf(stages, between)));
      clearInterval(timer);
      growth = Math.max(growth, most - before);
      return time;
    },
  }, { warmUp: 3, measured: 15 });
  const name = target === "" ? `${stages} stages, one tee` : `${stages} stages`;
  printRow({ name, ...times, result: ratio(times.bare, times.ours), target });
  console.log(`    memory grew by ${(growth / 2 ** 20).toFixed(1)} MB at most`);
}

async function compareSmall(): Promise<void> {
  const echo = new Command("echo", ["x"]).pipe(between);
  const line = new Command("sh", ["-c", echo.commandLine()]);
  const times = await medians({
    bare: () => duration(() => line.run()),
    ours: () => duration(() => echo.run()),
  }, { warmUp: 20, measured: 200 });
  printHead("one word through two programs", "shell");
  printRow({
    name: "echo | cat",
    ...times,
    result: difference(times.bare, times.ours),
  });
}

function pipelineOf(stages: number, between: Command): Pipeline {
  const inner = Array.from({ length: stages - 2 }, () => between);
  return new Pipeline([source, ...inner, count]);
}

/** Runs a pipeline, and checks that all bytes went through it. */
async function counted(chain: { run(): Promise<string> }): Promise<void> {
  const bytes = Number(await chain.run());
  if (bytes !== SIZE) throw new Error(`${bytes} bytes under ${runtimeName}`);
}
