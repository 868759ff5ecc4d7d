import { readdir, readFile } from "node:fs/promises";
import { test } from "../harness.ts";
import { ROOT } from "../runtimes.ts";
import { dirname, join, relative } from "../std.ts";
import { assertEquals } from "../std.ts";

/** For every room, the rooms that it may import from. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  outcome: [],
  command: ["outcome"],
  runtime: ["outcome"],
  output: ["outcome"],
  containment: ["outcome", "runtime"],
  runner: ["containment", "output", "command", "outcome", "runtime"],
  cassette: ["runner", "command", "outcome", "output", "runtime"],
  secrets: ["cassette", "outcome"],
  doubles: ["runner", "command", "outcome", "output"],
  pipeline: ["runner", "command", "outcome", "output"],
  supervisor: ["runner", "command", "outcome", "output"],
  client: ["runner", "command", "outcome", "output"],
};

/** A command's own verbs need what is of rooms above: the types alone. */
const BROKEN_CIRCLE = [
  'import type { Pipeline } from "../pipeline/pipeline.ts"',
  'import type { ProcessRunner } from "../runner/process_runner.ts"',
  'import type { RunningProcess } from "../runner/running_process.ts"',
];

async function sources(): Promise<
  { room: string; path: string; text: string }[]
> {
  const names = await readdir(join(ROOT, "src"), { recursive: true });
  const files = names.filter((name) => name.endsWith(".ts")).map(async (
    name,
  ) => ({
    room: name.split("/")[0],
    path: name,
    text: await readFile(join(ROOT, "src", name), "utf8"),
  }));
  return await Promise.all(files);
}

/** The text without its comments, which may speak of anything. */
function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(
    /(^|\s)\/\/.*$/gm,
    "",
  );
}

test("imports run downwards only", async () => {
  const wrong: string[] = [];
  for (const { room, path, text } of await sources()) {
    for (
      const [statement, target] of text.matchAll(/^.* from "(\.[^"]+)"/gm)
    ) {
      const targetRoom =
        relative(".", join(dirname(path), target)).split("/")[0];
      // The named place where that circle is broken.
      if (
        BROKEN_CIRCLE.includes(statement) &&
        path === "command/default_runner.ts"
      ) continue;
      if (targetRoom !== room && !MAY_IMPORT[room]?.includes(targetRoom)) {
        wrong.push(`${path} imports ${target}`);
      }
    }
  }
  assertEquals(wrong, []);
});

test("the runtime room alone names a runtime, and nothing is imported from one", async () => {
  const wrong: string[] = [];
  for (const { room, path, text } of await sources()) {
    const code = codeOf(text);
    const names = /\b(Deno|Bun|process)\.\w|globalThis/.test(code);
    if (names && room !== "runtime") wrong.push(`${path} names a runtime`);
    for (
      const [statement] of code.matchAll(
        /^import (?!type )[^;]*from "(node:|bun)[^;]*;/gm,
      )
    ) {
      wrong.push(`${path}: ${statement}`);
    }
    if (/\bas any\b|: any\b|<any>/.test(code)) wrong.push(`${path} has an any`);
  }
  assertEquals(wrong, []);
});

test("no fixture has a name by which the suite would run it as one of its tests", async () => {
  const names = await readdir(join(ROOT, "tests/fixtures"));
  assertEquals(
    names.filter((name) => /^test\.|[._](test|spec)\./.test(name)),
    [],
  );
});
