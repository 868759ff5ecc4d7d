// The table of the README, row by row: with real programs that are joined by pipes, with
// real programs whose output goes through line handlers, and with scripted programs.

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
import { HELD_DEADLINE, holdTimers } from "../held_timers.ts";
import { ROOT } from "../runtimes.ts";
import { assert, assertEquals, join } from "../std.ts";

interface Row {
  readonly stages: readonly string[];
  /** The position of the stage whose failure is reported, or "nobody". */
  readonly reported: string;
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
    reported: cells[3],
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

/** How the program of a cell ends, without what the pipeline makes of it. */
function actOf(cell: string): string {
  return cell.replace(/, (unchecked|which is ok)$/, "");
}

/** The command of a cell. The name of its program, and its only line of stderr, is its position. */
function commandOf(cell: string, position: string, program: string): Command {
  let command = new Command(program, [
    "-c",
    `echo ${position} >&2; ${SCRIPTS[actOf(cell)]}`,
  ]);
  if (cell.endsWith(", unchecked")) command = command.uncheckedInPipe();
  if (cell.endsWith(", which is ok")) command = command.okCodes([0, 3]);
  return actOf(cell) === "times out" ? command.timeout(HELD_DEADLINE) : command;
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

/** A way to run the rows. */
interface Way {
  readonly programOf: (position: string) => string;
  readonly change?: (command: Command) => Command;
  /** A runner of scripted programs; real programs without it. */
  readonly runnerFor?: (row: Row) => ProcessRunner;
  /** Another result that is right as well. */
  readonly also?: (result: string) => string;
  /** Whether a row does not hold. */
  readonly except?: (row: Row) => boolean;
}

async function checkRows(way: Way): Promise<void> {
  const rows = await table();
  assert(rows.length > 20);
  for (const row of rows) {
    if (way.except?.(row)) continue;
    using deadline = holdTimers(HELD_DEADLINE);
    const stages = row.stages.map((cell, index) => {
      const position = POSITIONS[index];
      const command = commandOf(cell, position, way.programOf(position));
      const changed = way.change?.(command) ?? command;
      return actOf(cell) === "times out" && !way.runnerFor
        ? changed.onStderrLine(() => deadline.fire())
        : changed;
    });
    let pipeline = new Pipeline(stages).timeout(60_000);
    if (way.runnerFor) pipeline = pipeline.withRunner(way.runnerFor(row));
    const result = await pipeline.outputString();
    const isSuccess = row.reported === "nobody";
    const about = isSuccess ? "third" : row.reported;
    const found = {
      ...row,
      about: result.program.split("/").at(-1),
      stderr: result.stderr.split("\n")[0],
      result: textOf(result.outcome),
      success: result.success,
      handlerErrors: result.handlerErrors(),
    };
    const expected = {
      ...row,
      about,
      stderr: about,
      success: isSuccess,
      handlerErrors: [],
    };
    if (found.result === way.also?.(row.result)) found.result = row.result;
    assertEquals(found, expected);
  }
}

/** A folder with the shell under the name of each position. */
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

test("every row of the pipefail table holds when line handlers hear the output of every stage", async () => {
  await using folder = await shells();
  await checkRows({
    programOf: folder.programOf,
    change: (command) => command.onStdoutLine(() => {}),
    // Bun gives a child a socket. When its reader is gone, `yes` gets another error than
    // SIGPIPE and fails like any other program, as the README says.
    except: ({ stages: [first, second, third] }) =>
      runtimeName === "bun" && first.startsWith("loses its reader") &&
      second === "leaves early" && third === "exits 4",
    also: (result) =>
      runtimeName === "bun"
        ? { "signal 13": "code 1", "code 141": "code 1" }[result] ?? result
        : result,
  });
});

test("every row of the pipefail table holds for scripted stages", async () => {
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
