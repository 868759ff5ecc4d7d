// Measures reading the output of a child, by lines, as a whole, and up to the first line,
// compared with the runtime's own calls and with other libraries.

import { writeFile } from "node:fs/promises";
import dax from "dax";
import { execa } from "execa";
import { x as tinyexec } from "tinyexec";
import { $ as zx } from "zx";
import { Command } from "../mod.ts";
import {
  difference,
  duration,
  medians,
  printHead,
  printRow,
  ratio,
  runtimeName,
  temporaryFolder,
  type Trial,
} from "./measure.ts";

/** The part of Bun's global object that is used here. */
interface BunGlobal {
  gc(force: boolean): void;
  spawn(
    command: string[],
    options: { stdin: "ignore"; stdout: "pipe"; stderr: "pipe" },
  ): {
    readonly stdout: ReadableStream<Uint8Array> & { text(): Promise<string> };
    readonly exited: Promise<number>;
  };
}
const { Bun } = globalThis as unknown as { Bun: BunGlobal };
const onDeno = runtimeName === "Deno";

const LINES = 1_000_000;
const MEGABYTES_64 = 64 * 2 ** 20;
const ROUNDS = { warmUp: 3, measured: 30 };

await using folder = await temporaryFolder();
const path = folder.file("lines.txt");
await writeFile(
  path,
  Array.from(
    { length: LINES },
    (_, index) => `${String(index).padStart(18)} ${"x".repeat(48)}\n`,
  ).join(""),
);
const cat = ["cat", path] as const;
const head = ["head", "-c", String(MEGABYTES_64), path] as const;

await compareLines();
await compareCapture();
await compareFirstLine();

async function compareLines(): Promise<void> {
  const times = await medians({
    bare: timed(LINES, async (count) => {
      const decoder = new TextDecoder();
      let rest = "";
      for await (const piece of bareStream(cat)) {
        const lines = (rest + decoder.decode(piece, { stream: true }))
          .split("\n");
        rest = lines.pop()!;
        for (const line of lines) count(line);
      }
    }),
    handler: timed(LINES, async (count) => {
      await new Command("cat", [path]).onStdoutLine(count).outputString();
    }),
    iterated: timed(LINES, async (count) => {
      await using live = await new Command("cat", [path]).start();
      for await (const line of live.stdoutLines()) count(line);
    }),
    tinyexec: timed(LINES, async (count) => {
      for await (const line of tinyexec("cat", [path])) count(line);
    }),
    execa: timed(LINES, async (count) => {
      // The types of execa do not say that it iterates over lines.
      for await (const line of execa("cat", [path])) {
        count(line as unknown as string);
      }
    }),
  }, ROUNDS);
  printHead("a million lines (68 MB)", "other");
  const compare = (
    name: string,
    bare: number,
    ours: number,
    target: string,
  ) => printRow({ name, bare, ours, result: ratio(bare, ours), target });
  compare("onStdoutLine / bare loop", times.bare, times.handler, "≤ 1.50 ×");
  compare("for await / bare loop", times.bare, times.iterated, "");
  compare("for await / tinyexec", times.tinyexec, times.iterated, "≤ 0.50 ×");
  compare("for await / execa", times.execa, times.iterated, "≤ 0.25 ×");
}

async function compareCapture(): Promise<void> {
  const file = path;
  const size = String(MEGABYTES_64);
  const times = await medians({
    ours: captured(async () =>
      (await new Command(head[0], head.slice(1)).outputString()).stdout
    ),
    native: captured(() => bareText(head)),
    tinyexec: captured(async () =>
      (await tinyexec(head[0], head.slice(1))).stdout
    ),
    execa: captured(async () =>
      (await execa(head[0], head.slice(1), { stripFinalNewline: false })).stdout
    ),
    zx: captured(async () =>
      (await zx({ quiet: true })`head -c ${size} ${file}`).stdout
    ),
    dax: captured(async () =>
      (await dax`head -c ${size} ${file}`.quiet().stdout("piped")).stdout
    ),
  }, ROUNDS);
  printHead("64 MB as text", "other");
  const { ours, ...others } = times;
  const fastest = Math.min(...Object.values(others));
  for (const [name, bare] of Object.entries(others)) {
    printRow({
      name,
      bare,
      ours,
      result: ratio(bare, ours),
      target: bare === fastest ? "≤ 1.00 × (the fastest)" : "",
    });
  }
}

async function compareFirstLine(): Promise<void> {
  const words = ["sh", "-c", "echo ready; exec sleep 10"] as const;
  const times = await medians({
    bare: async () => {
      const start = performance.now();
      const child = bareChild(words);
      const reader = child.stdout.getReader();
      await reader.read();
      const time = performance.now() - start;
      child.kill();
      for (let end = false; !end;) end = (await reader.read()).done;
      return time;
    },
    ours: async () => {
      const start = performance.now();
      await using live = await new Command(words[0], words.slice(1)).start();
      await live.stdoutLines().next();
      return performance.now() - start;
    },
  }, { warmUp: 20, measured: 200 });
  printHead("the first line of a child");
  printRow({
    name: "stdoutLines",
    ...times,
    result: difference(times.bare, times.ours),
    target: "≤ +1.00 ms",
  });
}

/** Creates a trial of `read`, which must call `count` for each of the expected lines. */
function timed(
  expected: number,
  read: (count: (line: string) => void) => Promise<void>,
): Trial {
  return async () => {
    let lines = 0;
    collectGarbage();
    const time = await duration(() => read(() => void lines++));
    if (lines !== expected) throw new Error(`${lines} lines`);
    return time;
  };
}

/** Creates a trial of `read`, which must return 64 MB of text. */
function captured(read: () => Promise<string>): Trial {
  return async () => {
    let length = 0;
    collectGarbage();
    const time = await duration(async () => {
      length = (await read()).length;
    });
    if (length !== MEGABYTES_64) throw new Error(`${length} characters`);
    return time;
  };
}

/** Collects garbage, so that a trial does not pay for the strings that another has left. */
function collectGarbage(): void {
  if (onDeno) (globalThis as { gc?: () => void }).gc?.();
  else Bun.gc(true);
}

interface BareChild {
  readonly stdout: ReadableStream<Uint8Array>;
  kill(): void;
}

function bareChild([program, ...args]: readonly string[]): BareChild {
  if (onDeno) {
    const child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    return { stdout: child.stdout, kill: () => child.kill("SIGKILL") };
  }
  const child = Bun.spawn([program, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  }) as ReturnType<BunGlobal["spawn"]> & { kill(signal: string): void };
  return { stdout: child.stdout, kill: () => child.kill("SIGKILL") };
}

function bareStream(words: readonly string[]): ReadableStream<Uint8Array> {
  return bareChild(words).stdout;
}

async function bareText(words: readonly string[]): Promise<string> {
  if (!onDeno) {
    const child = Bun.spawn([...words], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    return await child.stdout.text();
  }
  const [program, ...args] = words;
  const { stdout } = await new Deno.Command(program, { args }).output();
  return new TextDecoder().decode(stdout);
}
