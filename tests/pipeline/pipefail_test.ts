// The table in docs/pipelines.md, row by row: with real programs connected by pipes, with
// real programs whose output is passed on because of a line handler, and scripted.

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
  /** The position of the stage that the result is about; `null` for none. */
  readonly reported: string | null;
  readonly result: string;
}

const POSITIONS = ["first", "second", "third"];

async function table(): Promise<Row[]> {
  const page = await readFile(join(ROOT, "docs/pipelines.md"), "utf8");
  const [, section] = page.split("\n## Which stage's failure is reported\n");
  const rows = section.split("\n## ")[0].split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const [head, , ...body] = rows;
  assertEquals(head, [...POSITIONS, "reported", "result"]);
  return body.map((cells) => {
    assertEquals(cells.length, 5);
    const [first, second, third, reported, result] = cells;
    assert(["none", ...POSITIONS].includes(reported), reported);
    return {
      stages: [first, second, third],
      reported: reported === "none" ? null : reported,
      result,
    };
  });
}

const SCRIPTS: Readonly<Record<string, string>> = {
  "succeeds": "cat",
  "exits 3": "cat >/dev/null; exit 3",
  "exits 4": "cat >/dev/null; exit 4",
  "exits 3 early": "head -c 1 >/dev/null; exit 3",
  "exits 0 early": "head -c 1",
  "exits 141": "yes; exit $?",
  "is killed by SIGKILL": "kill -KILL $$",
  "is killed by SIGPIPE": "exec yes",
  "times out": "sleep 600",
  "never exits": "echo x; sleep 600",
};

const REPLIES: Readonly<Record<string, Reply>> = {
  "succeeds": Reply.ok(),
  "exits 3": Reply.fail(3),
  "exits 4": Reply.fail(4),
  "exits 3 early": Reply.fail(3),
  "exits 0 early": Reply.ok(),
  "exits 141": Reply.fail(141),
  "is killed by SIGKILL": Reply.signalled(9),
  "is killed by SIGPIPE": Reply.signalled(13),
  "times out": Reply.timeout(),
  "never exits": Reply.pending(),
};

/** What the program of a cell does, without what the pipeline makes of it. */
function actOf(cell: string): string {
  return cell.replace(/, (unchecked|in `okCodes`)$/, "");
}

/** The command of a cell; its program, and what it prints to stderr, is its position. */
function commandOf(cell: string, position: string, program: string): Command {
  const script = SCRIPTS[actOf(cell)];
  assert(script !== undefined, `unknown cell: ${cell}`);
  let command = new Command(program, ["-c", `echo ${position} >&2; ${script}`]);
  if (cell.endsWith(", unchecked")) command = command.uncheckedInPipe();
  if (cell.endsWith(", in `okCodes`")) command = command.okCodes([0, 3]);
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
    const about = row.reported ?? "third";
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
      success: row.reported === null,
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

test("every row of the pipefail table holds when line handlers hear every line in between", async () => {
  await using folder = await shells();
  await checkRows({
    programOf: folder.programOf,
    change: (command) => command.onStdoutLine(() => {}),
    // Bun gives a child a socket. `yes` does not get SIGPIPE when the reader of a socket
    // is gone: it exits 1, like any other failure. docs/pipelines.md says so.
    except: ({ stages: [first, second, third] }) =>
      runtimeName === "bun" &&
      ["is killed by SIGPIPE", "exits 141"].includes(actOf(first)) &&
      second === "exits 0 early" && third === "exits 4",
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
