import { readdir, readFile } from "node:fs/promises";
import { test } from "../harness.ts";
import { ROOT } from "../runtimes.ts";
import { assert, assertEquals, dirname, join } from "../std.ts";

/** The other layers that each layer of `src/` may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  outcome: [],
  command: ["outcome"],
  runtime: ["outcome"],
  output: ["outcome"],
  containment: ["outcome", "runtime"],
  runner: ["containment", "output", "command", "outcome", "runtime"],
  "cassette/format": ["command", "outcome", "output", "runtime"],
  "cassette/transform": [
    "cassette/format",
    "command",
    "outcome",
    "output",
    "runtime",
  ],
  "cassette/matching": [
    "cassette/format",
    "cassette/transform",
    "command",
    "outcome",
  ],
  "cassette/recorder": [
    "cassette/format",
    "cassette/transform",
    "cassette/matching",
    "runner",
    "command",
    "outcome",
    "output",
    "runtime",
  ],
  "cassette/testing": [
    "cassette/format",
    "cassette/recorder",
    "runner",
    "command",
    "outcome",
    "runtime",
  ],
  secrets: ["cassette/format", "cassette/transform", "outcome"],
  doubles: ["runner", "command", "outcome", "output"],
  pipeline: ["runner", "command", "outcome", "output"],
  supervisor: ["runner", "command", "outcome", "output"],
  client: ["runner", "command", "outcome", "output"],
};

/**
 * The verbs of a command take and return types of these files, and each of these files
 * imports `Command`. `command/default_runner.ts` may import their types. Its comment says why.
 */
const TYPES_OF_THE_VERBS: readonly string[] = [
  "command/command.ts",
  "pipeline/pipeline.ts",
  "runner/process_runner.ts",
  "runner/running_process.ts",
];

interface Import {
  readonly statement: string;
  /** The imported file, relative to `src/`. */
  readonly target: string;
}

interface Source {
  /** The path relative to `src/`. */
  readonly path: string;
  readonly layer: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

async function sources(): Promise<Source[]> {
  const names = await readdir(join(ROOT, "src"), { recursive: true });
  const files = names.filter((name) => name.endsWith(".ts")).map(
    async (path): Promise<Source> => {
      const text = await readFile(join(ROOT, "src", path), "utf8");
      return {
        path,
        layer: layerOf(path),
        text,
        imports: importsIn(path, text),
      };
    },
  );
  return await Promise.all(files);
}

/** Returns the layer of a file: its folder. Each folder in `cassette/` is a layer. */
function layerOf(path: string): string {
  return dirname(path);
}

/** Returns the imports and re-exports of other files in `src/`, including those of types. */
function importsIn(path: string, text: string): Import[] {
  const imports: Import[] = [];
  for (
    const [statement, from, dynamic] of codeOf(text).matchAll(
      /^(?:import|export)\b[^;]*?\bfrom "(\.[^"]+)";|\bimport\("(\.[^"]+)"\)/gm,
    )
  ) {
    const target = join(dirname(path), from ?? dynamic);
    const isTypeOfVerb = path === "command/default_runner.ts" &&
      statement.startsWith("import type ") &&
      TYPES_OF_THE_VERBS.includes(target);
    if (!isTypeOfVerb) imports.push({ statement, target });
  }
  return imports;
}

/** Removes the comments of a source text, which may mention any name. */
function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(
    /(^|\s)\/\/.*$/gm,
    "",
  );
}

test("imports run from upper layers to lower ones only", async () => {
  const wrong: string[] = [];
  for (const { layer, path, imports } of await sources()) {
    for (const { target } of imports) {
      const from = layerOf(target);
      if (from !== layer && !MAY_IMPORT[layer]?.includes(from)) {
        wrong.push(`${path} imports ${target}`);
      }
    }
  }
  assertEquals(wrong, []);
});

test("no files import each other in a circle", async () => {
  const importsOf = new Map(
    (await sources()).map(({ path, imports }) => [
      path,
      imports.map(({ target }) => target),
    ]),
  );
  assert(importsOf.size > 100, `only ${importsOf.size} files were found`);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, chain: readonly string[]): void => {
    if (chain.includes(path)) {
      circles.push([...chain.slice(chain.indexOf(path)), path].join(" → "));
      return;
    }
    if (done.has(path)) return;
    for (const target of importsOf.get(path) ?? []) {
      visit(target, [...chain, path]);
    }
    done.add(path);
  };
  for (const path of importsOf.keys()) visit(path, []);
  assertEquals(circles, []);
});

test("only src/runtime names a runtime, and no module of a runtime is imported statically", async () => {
  const wrong: string[] = [];
  for (const { layer, path, text } of await sources()) {
    const code = codeOf(text);
    const names = /\b(Deno|Bun|process)\.\w|globalThis/.test(code);
    if (names && layer !== "runtime") wrong.push(`${path} names a runtime`);
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

test("no fixture has a file name that a runtime takes for a test file", async () => {
  const names = await readdir(join(ROOT, "tests/fixtures"));
  assertEquals(
    names.filter((name) => /^test\.|[._](test|spec)\./.test(name)),
    [],
  );
});
