// The table of the README, row by row: with real programs joined by pipes, with real
// ones whose output is passed on because somebody listens, and scripted.

import { readFile, symlink } from "node:fs/promises";
import {
  Command,
  type Outcome,
  type ProcessRunner,
  Reply,
  ScriptedRunner,
} from "../../mod.ts";
import { Pipeline } from "../../mod.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { ROOT } from "../runtimes.ts";
import { assert, assertEquals, join } from "../std.ts";

interface Row {
  readonly stages: readonly string[];
  readonly toBlame: string;
  readonly result: string;
}

const POSITIONS = ["first", "second", "third"];

async function table(): Promise<Row[]> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [, section] = readme.split("\n## Pipelines\n");
  const rows = section.split("\n## ")[0].split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const [head, , ...body] = rows;
  assertEquals(head, [...POSITIONS, "to blame", "result"]);
  return body.map((cells) => ({
    stages: cells.slice(0, 3),
    toBlame: cells[3],
    result: cells[4],
  }));
}

const SCRIPTS: Readonly<Record<string, string>> = {
  "succeeds": "cat",
  "exits 3": "cat >/dev/null; exit 3",
  "exits 4": "cat >/dev/null; exit 4",
  "exits 3 early": "head -c 1 >/dev/null; exit 3",
  "is killed": "kill -KILL $$",
  "leaves early": "head -c 1",
  "loses its reader": "exec yes",
  "loses its reader as a shell does": "yes; exit $?",
  "times out": "sleep 600",
  "never ends": "echo x; sleep 600",
};

const REPLIES: Readonly<Record<string, Reply>> = {
  "succeeds": Reply.ok(),
  "exits 3": Reply.fail(3),
  "exits 4": Reply.fail(4),
  "exits 3 early": Reply.fail(3),
  "is killed": Reply.signalled(9),
  "leaves early": Reply.ok(),
  "loses its reader": Reply.signalled(13),
  "loses its reader as a shell does": Reply.fail(141),
  "times out": Reply.timeout(),
  "never ends": Reply.pending(),
};

/** What a cell of the table says, without what the pipeline makes of it. */
function actOf(cell: string): string {
  return cell.replace(/, (unchecked|which is ok)$/, "");
}

/** The command of a cell; its program, and what it says on stderr, is its position. */
function commandOf(cell: string, position: string, program: string): Command {
  let command = new Command(program, [
    "-c",
    `echo ${position} >&2; ${SCRIPTS[actOf(cell)]}`,
  ]);
  if (cell.endsWith(", unchecked")) command = command.uncheckedInPipe();
  if (cell.endsWith(", which is ok")) command = command.okCodes([0, 3]);
  return actOf(cell) === "times out" ? command.timeout(300) : command;
}

function textOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case "exited":
      return `code ${outcome.code}`;
    case "signalled":
      return `signal ${outcome.signal}`;
    case "timed-out":
      return "timed out";
  }
}

interface Way {
  readonly programOf: (position: string) => string;
  readonly change?: (command: Command) => Command;
  readonly runnerFor?: (row: Row) => ProcessRunner;
  /** What a result may be instead. */
  readonly also?: (result: string) => string;
  /** The rows that do not hold. */
  readonly except?: (row: Row) => boolean;
}

async function checkRows(way: Way): Promise<void> {
  const rows = await table();
  assert(rows.length > 20);
  for (const row of rows) {
    if (way.except?.(row)) continue;
    const stages = row.stages.map((cell, index) => {
      const position = POSITIONS[index];
      const command = commandOf(cell, position, way.programOf(position));
      return way.change?.(command) ?? command;
    });
    let pipeline = new Pipeline(stages).timeout(60_000);
    if (way.runnerFor) pipeline = pipeline.withRunner(way.runnerFor(row));
    const result = await pipeline.outputString();
    const about = row.toBlame === "nobody" ? "third" : row.toBlame;
    const found = {
      ...row,
      about: result.program.split("/").at(-1),
      stderr: result.stderr.split("\n")[0],
      result: textOf(result.outcome),
      success: result.success,
    };
    const expected = {
      ...row,
      about,
      stderr: about,
      success: row.toBlame === "nobody",
    };
    if (found.result === way.also?.(row.result)) found.result = row.result;
    assertEquals(found, expected);
  }
}

/** A folder in which the shell has the name of each position. */
async function shells(): Promise<
  { programOf: Way["programOf"] } & AsyncDisposable
> {
  const folder = await temporaryFolder();
  for (const position of POSITIONS) {
    await symlink("/bin/sh", folder.file(position));
  }
  return {
    programOf: folder.file,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test("every row of the pipefail table holds", async () => {
  await using folder = await shells();
  await checkRows({ programOf: folder.programOf });
});

test("every row of the pipefail table holds when somebody hears every line in between", async () => {
  await using folder = await shells();
  await checkRows({
    programOf: folder.programOf,
    change: (command) => command.onStdoutLine(() => {}),
    // Bun gives a child a socket, and to lose the reader of one is another error to
    // `yes`, which fails by it like any other: the README says so.
    except: ({ stages: [first, second, third] }) =>
      runtimeName === "bun" && first.startsWith("loses its reader") &&
      second === "leaves early" && third === "exits 4",
    also: (result) =>
      runtimeName === "bun"
        ? { "signal 13": "code 1", "code 141": "code 1" }[result] ?? result
        : result,
  });
});

test("every row of the pipefail table holds for stages that are scripted", async () => {
  await checkRows({
    programOf: (position) => position,
    runnerFor({ stages }) {
      const runner = new ScriptedRunner();
      stages.forEach((cell, index) => {
        const position = POSITIONS[index];
        runner.on(
          [position],
          REPLIES[actOf(cell)].withStderr(`${position}\n`),
        );
      });
      return runner;
    },
  });
});
