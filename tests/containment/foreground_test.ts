// Runs in the foreground of a terminal. `script` provides the terminal.

import { access, writeFile } from "node:fs/promises";
import {
  Command,
  JobRunner,
  type ProcessStdin,
  type RunningProcess,
} from "../../mod.ts";
import { eventually, runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { newMark, untilMarked, untilNoneMarked } from "../shapes.ts";
import { assert, assertEquals, assertStringIncludes } from "../std.ts";
import { sh } from "../commands.ts";
import { HELD_DEADLINE, holdTimers } from "../held_timers.ts";

/** Only a program that hangs lives this long, in milliseconds. */
const LIMIT = 60_000;
const CTRL_C = "\x03";

type Where = "foreground" | "contained";

/** A program on a terminal, with a run of a script. */
interface OnTerminal {
  readonly live: RunningProcess;
  readonly keyboard: ProcessStdin;
  /** Creates the file whose path replaces `GATE` in the script. */
  open(): Promise<void>;
}

/** Runs a script on a terminal, calls `type` once the script has reached `READY`, and returns all that the terminal shows. */
async function shown(
  where: Where,
  script: string,
  type: (terminal: OnTerminal) => Promise<void>,
): Promise<string> {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/on_terminal.ts",
  );
  await using folder = await temporaryFolder();
  const [ready, gate] = [folder.file("ready"), folder.file("gate")];
  const line = new Command(program, [
    ...args,
    where,
    script.replace("READY", `: >${ready}`).replace("GATE", gate),
  ]).commandLine();
  await using live = await new Command("script", [
    "-qec",
    `exec ${line}`,
    "/dev/null",
  ]).env("NO_COLOR", "1").keepStdinOpen().timeout(LIMIT).start();
  const keyboard = live.takeStdin()!;
  await eventually(
    "the script is ready",
    () => access(ready).then(() => true, () => false),
  );
  await type({
    live,
    keyboard,
    open: () => writeFile(gate, ""),
  });
  return (await live.outputString()).ensureSuccess().stdout;
}

test("a run in the foreground reads from the caller's terminal and prints to it", async () => {
  const text = await shown(
    "foreground",
    'READY; read answer </dev/tty; echo "got $answer"; read more; echo "and $more"',
    ({ keyboard }) => keyboard.write("yes\nindeed\n"),
  );
  assertStringIncludes(text, "got yes");
  assertStringIncludes(text, "and indeed");
  assertStringIncludes(
    text,
    '{"outcome":{"kind":"exited","code":0},"stdout":""}',
  );
});

test("a contained run has no terminal", async () => {
  const text = await shown(
    "contained",
    "READY; read answer </dev/tty || echo none",
    // The script may have exited before the keys are pressed.
    ({ keyboard }) => keyboard.write("yes\n").catch(() => {}),
  );
  assertStringIncludes(text, '"stdout":"none\\n"');
});

const UNTIL_GATE =
  'trap "echo interrupted; exit 3" INT; READY; until [ -e GATE ]; do sleep 0.02; done; echo whole';

test("Ctrl-C reaches a run in the foreground", async () => {
  const text = await shown(
    "foreground",
    UNTIL_GATE,
    ({ keyboard }) => keyboard.write(CTRL_C),
  );
  assertStringIncludes(text, "interrupted");
  assertStringIncludes(text, '"code":3');
  assertStringIncludes(text, "the owner received SIGINT");
});

test("Ctrl-C does not reach a contained run", async () => {
  const text = await shown(
    "contained",
    UNTIL_GATE,
    async ({ live, keyboard, open }) => {
      await keyboard.write(CTRL_C);
      await live.waitForLine(
        (line) => line.includes("the owner received SIGINT"),
        LIMIT,
      );
      await open();
    },
  );
  assertStringIncludes(text, '"stdout":"whole\\n"');
});

test("a run in the foreground stays in the caller's session and process group", async () => {
  const fields = await new JobRunner().outputString(
    sh("cut -d' ' -f5,6 /proc/$$/stat /proc/$PPID/stat").foreground()
      .stdin("").stdout("piped"),
  );
  const [own, parents] = fields.stdout.trim().split("\n");
  assert(own !== "");
  assertEquals(own, parents);
});

test("a run in the foreground that times out leaves no process behind", async () => {
  const mark = newMark();
  using deadline = holdTimers(HELD_DEADLINE);
  const run = sh('setsid sleep "$1" & sleep "$1" & wait', mark).foreground()
    .stdin("").timeout(HELD_DEADLINE).outputString();
  await untilMarked(mark, 3);
  deadline.fire();
  assertEquals((await run).outcome, { kind: "timed-out" });
  await untilNoneMarked(mark);
});

test("a run in the foreground whose owner is killed leaves no process behind", async () => {
  const mark = newMark();
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/killed_in_foreground.ts",
  );
  const { outcome } = await new JobRunner({ containment: "none" })
    .outputString(new Command(program, [...args, mark]));
  assertEquals(outcome, { kind: "signalled", signal: 9 });
  await untilNoneMarked(mark);
});
