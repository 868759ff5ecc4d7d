// Runs the examples of README, docs and doc comments, so that code that a reader copies works.
// An example is a fenced block of TypeScript. It runs under Deno and under Bun, or only under
// the runtime whose names it uses, in a temporary folder. If it uses git, the folder is a
// small git repository.
//
// The output of `console.log` is compared with the comment behind the call, if there is one:
//
//     console.log(result.code); // 3
//
// White space and commas are ignored, since the runtimes print objects differently. A
// comment that contains "…" or begins with "such as" is not compared.
//
// A block that cannot run has the reason right before it, in a comment that is not rendered:
// <!-- not run: it needs a network -->

import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import process from "node:process";
import { Command } from "../../mod.ts";
import { newRepository } from "../client/repository.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { PROGRAMS, ROOT } from "../runtimes.ts";
import { assert, assertEquals, join, toFileUrl } from "../std.ts";

/** A fenced block. */
export interface Example {
  /** The file, relative to the root of the repository, and the line of the fence. */
  readonly file: string;
  readonly line: number;
  /** The word after the fence: `ts`, `sh`, … */
  readonly language: string;
  readonly code: string;
  /** Why the block is not run, or `null` if it is run. */
  readonly notRun: string | null;
}

/** Returns the fenced blocks of a Markdown file, or of the doc comments of a source file. */
export async function examplesOf(file: string): Promise<Example[]> {
  const text = await readFile(join(ROOT, file), "utf8");
  const isSource = file.endsWith(".ts");
  const examples: Example[] = [];
  let open: { line: number; language: string; indent: number } | null = null;
  let code: string[] = [];
  let notRun: string | null = null;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = isSource ? commentText(raw) : raw;
    if (line === null) continue;
    const fence = /^(\s*)```(\w*)/.exec(line);
    if (fence === null) {
      if (open !== null) code.push(line.slice(open.indent));
      else if (line.trim() !== "") {
        notRun = /<!-- not run: (.+?) -->/.exec(line)?.[1] ?? null;
      }
    } else if (open === null) {
      const [, indent, language] = fence;
      open = { line: index + 1, language, indent: indent.length };
      code = [];
    } else {
      examples.push({ file, ...open, code: code.join("\n"), notRun });
      open = null;
      notRun = null;
    }
  }
  assertEquals(open, null, `${file} has a fence that is not closed`);
  return examples;
}

/** Returns the text of a line of a doc comment, or `null` for any other line. */
function commentText(line: string): string | null {
  const found = /^\s*(?:\/\*\*|\*(?!\/)) ?(.*?)(?:\s*\*\/)?$/.exec(line);
  return found === null ? null : found[1];
}

/** Declares a test for each TypeScript example of the files that runs on this runtime. */
export async function declareExamples(files: readonly string[]): Promise<void> {
  for (const file of files) {
    for (const example of await examplesOf(file)) {
      const { language, notRun, line } = example;
      if (language !== "ts" || notRun !== null || !runsHere(example)) continue;
      const kind = isTest(example) ? "passes as a test" : "runs";
      test(`the example at ${file}:${line} ${kind}`, () =>
        isTest(example) ? runAsTest(example) : runHere(example));
    }
  }
}

function runsHere({ code }: Example): boolean {
  const needsDeno = /\bDeno\./.test(code);
  const needsBun = /\bBun\.|"bun:/.test(code);
  return runtimeName === "deno" ? !needsBun : !needsDeno;
}

function isTest({ code }: Example): boolean {
  return /\bDeno\.test\(|"bun:test"/.test(code);
}

/** Imports the example into this process, so that the leak check sees what it leaves open. */
async function runHere(example: Example): Promise<void> {
  await using folder = await folderFor(example);
  const file = join(folder.path, "example.ts");
  await writeFile(file, await localized(example.code, folder.path));
  const before = process.cwd();
  const { log, error } = console;
  const printed: unknown[][] = [];
  process.chdir(folder.path);
  console.log = (...values) => void printed.push(values);
  console.error = () => {};
  try {
    // Each example has its own path: a second import of a path would do nothing.
    await import(toFileUrl(file).href);
  } finally {
    Object.assign(console, { log, error });
    process.chdir(before);
  }
  const { inspect } = await import("node:util");
  const texts = printed.map((values) =>
    values.map((value) => typeof value === "string" ? value : inspect(value))
      .join(" ")
  );
  compare(texts, expectedOf(example.code));
}

/** Runs the example as a test file, twice: the first run records a cassette, the second replays it. */
async function runAsTest(example: Example): Promise<void> {
  await using folder = await folderFor(example);
  const file = join(folder.path, "example_test.ts");
  await writeFile(file, await localized(example.code, folder.path));
  const args = runtimeName === "deno"
    ? ["test", "-A", "--no-check", `--config=${join(ROOT, "deno.json")}`, file]
    : ["test", file];
  for (const attempt of ["first", "second"]) {
    const result = await new Command(PROGRAMS[runtimeName], args)
      .cwd(folder.path).env({ NO_COLOR: "1" }).envRemove("CI").timeout(120_000)
      .outputString();
    assert(result.success, `the ${attempt} run: ${result.combined}`);
  }
}

/** Creates the folder in which an example runs: a git repository if the example uses git. */
function folderFor(
  { code }: Example,
): Promise<{ path: string } & AsyncDisposable> {
  return /\bgit\b/.test(code) ? newRepository() : temporaryFolder();
}

/** Replaces the package name by the files of this repository, and `/tmp/` and port 8123 by a folder and a port of the example. */
async function localized(code: string, folder: string): Promise<string> {
  const fileOf = (path: string) => JSON.stringify(join(ROOT, path));
  return code
    .replaceAll('"@processkit/processkit"', fileOf("mod.ts"))
    .replaceAll(
      '"@processkit/processkit/secrets"',
      fileOf("src/secrets/secrets.ts"),
    )
    .replaceAll('"jsr:@std/assert"', fileOf("tests/std.ts"))
    .replaceAll("/tmp/", `${folder}/`)
    .replaceAll("8123", String(await freePort()));
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Returns the comment behind each call of `console.log`, or `null` if there is none to compare. */
function expectedOf(code: string): (string | null)[] {
  const expected: (string | null)[] = [];
  let isOpen = false;
  for (const line of code.split("\n")) {
    isOpen ||= /\bconsole\.log\(/.test(line);
    if (!isOpen || !/;\s*(?:\/\/.*|\}.*)?$/.test(line)) continue;
    isOpen = false;
    const comment = /;\s*\/\/ (.+)$/.exec(line)?.[1] ?? null;
    const isIgnored = comment === null || comment.includes("…") ||
      comment.startsWith("such as");
    expected.push(isIgnored ? null : comment);
  }
  return expected;
}

function compare(
  printed: readonly string[],
  expected: readonly (string | null)[],
): void {
  // A call in a loop or a branch: it is unknown which call printed which line.
  if (printed.length !== expected.length) return;
  for (const [index, comment] of expected.entries()) {
    if (comment === null) continue;
    const text = printed[index].trimEnd();
    if (normalized(JSON.stringify(text)) === normalized(comment)) continue;
    assertEquals(normalized(text), normalized(comment));
  }
}

function normalized(text: string): string {
  return text.replaceAll(/[\s,]+/g, " ").replaceAll("'", '"').trim();
}
