// What can be checked of README, ARCHITECTURE, docs and comments by a program: links,
// fences, and words that name no process.

import { readdir, readFile } from "node:fs/promises";
import { examplesOf } from "../examples/examples.ts";
import { test } from "../harness.ts";
import { ROOT } from "../runtimes.ts";
import { assert, assertEquals, dirname, join } from "../std.ts";

/** The Markdown files of the repository, from its root. */
async function pages(): Promise<string[]> {
  const docs = await readdir(join(ROOT, "docs")).catch(() => []);
  return [
    "README.md",
    "ARCHITECTURE.md",
    ...docs.filter((name) => name.endsWith(".md")).map((name) =>
      `docs/${name}`
    ),
  ];
}

async function sources(): Promise<string[]> {
  const names = await readdir(join(ROOT, "src"), { recursive: true });
  return [
    "mod.ts",
    ...names.filter((name) => name.endsWith(".ts")).map((name) =>
      `src/${name}`
    ),
  ];
}

function read(file: string): Promise<string> {
  return readFile(join(ROOT, file), "utf8");
}

/** A Markdown text without its fenced blocks and code spans. */
function proseOf(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "").replaceAll(
    /`[^`\n]*`/g,
    "``",
  );
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const withoutFences = text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "");
  for (const [, heading] of withoutFences.matchAll(/^#{1,6} (.+)$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
    const slug = words.trim().toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, "").replaceAll(/\s/g, "-");
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) {
      anchor = `${slug}-${count}`;
    }
    anchors.add(anchor);
  }
  return anchors;
}

test("every relative link leads to a file, and to a heading of it", async () => {
  const broken: string[] = [];
  let links = 0;
  for (const page of await pages()) {
    const text = await read(page);
    for (
      const [, target] of proseOf(text).matchAll(
        /\[[^\]]*\]\(([^)\s]+)(?: "[^"]*")?\)/g,
      )
    ) {
      if (/^[a-z]+:/i.test(target)) continue;
      links++;
      const [path, anchor] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      try {
        const linked = await read(file);
        if (anchor !== undefined && !anchorsOf(linked).has(anchor)) {
          broken.push(`${page}: ${target}: no such heading`);
        }
      } catch {
        const isFolder = await readdir(join(ROOT, file)).then(
          () => true,
          () => false,
        );
        if (!isFolder) broken.push(`${page}: ${target}: no such file`);
      }
    }
  }
  assertEquals(broken, []);
  assert(links > 0, "no link was found");
});

test("no sentence has a word that stands for an unnamed process, caller or reader", async () => {
  const found: string[] = [];
  for (const file of [...await pages(), ...await sources()]) {
    for (const [index, line] of (await read(file)).split("\n").entries()) {
      if (/\b(?:whoever|somebody|nobody|everybody)\b/i.test(line)) {
        found.push(`${file}:${index + 1}: ${line.trim()}`);
      }
    }
  }
  assertEquals(found, []);
});

test("every fenced block is TypeScript that runs, or says why it does not, or is no code", async () => {
  const unexplained: string[] = [];
  for (const file of [...await pages(), ...await sources()]) {
    for (const { language, line, notRun } of await examplesOf(file)) {
      const isData = ["text", "json", "diff", "toml"].includes(language);
      if (language !== "ts" && notRun === null && !isData) {
        unexplained.push(`${file}:${line}: \`\`\`${language}`);
      }
    }
  }
  assertEquals(unexplained, []);
});

test("no example calls a variable `process`, which is a global of its own", async () => {
  const found: string[] = [];
  for (const file of [...await pages(), ...await sources()]) {
    for (const { code, line } of await examplesOf(file)) {
      if (/\b(?:const|let|using|var) process\b/.test(code)) {
        found.push(`${file}:${line}`);
      }
    }
  }
  assertEquals(found, []);
});

test("README has at most 200 lines", async () => {
  const lines = (await read("README.md")).trimEnd().split("\n").length;
  assert(lines <= 200, `it has ${lines}`);
});
