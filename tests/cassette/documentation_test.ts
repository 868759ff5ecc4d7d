// The tables of docs/ that list what the code has: fields, options, reasons.

import { readFile } from "node:fs/promises";
import { EntrySchema } from "../../src/cassette/format/schema.ts";
import { OPEN_OPTIONS } from "../../src/cassette/recorder/options.ts";
import { test } from "../harness.ts";
import { ROOT } from "../runtimes.ts";
import { assertEquals, join } from "../std.ts";

/** The first cells of the table under a heading, without the header. */
async function firstCells(page: string, heading: string): Promise<string[]> {
  const text = await readFile(join(ROOT, "docs", page), "utf8");
  const section = text.split(`\n## ${heading}\n`)[1].split("\n## ")[0];
  return section.split("\n").filter((line) => line.startsWith("| `"))
    .map((line) => line.split(/(?<!\\)\|/)[1].trim());
}

test("the format page lists the fields of an entry, in the order in which they are written", async () => {
  const cells = await firstCells(
    "cassette-format.md",
    "The fields of an entry",
  );
  assertEquals(
    cells.map((cell) => cell.replaceAll("`", "")),
    Object.keys(EntrySchema.entries),
  );
});

test("the page on cassettes lists every option", async () => {
  const cells = await firstCells("testing-with-cassettes.md", "Every option");
  const names = cells.map((cell) => /^`(\w+)/.exec(cell)?.[1] ?? cell);
  assertEquals(
    new Set(names),
    new Set([...Object.keys(OPEN_OPTIONS), "dir"]),
  );
});
