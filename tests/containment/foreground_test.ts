// Runs in the foreground of a terminal, which `script` gives them.

import { access } from "node:fs/promises";
import { Command, JobRunner } from "../../mod.ts";
import { eventually, runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { newMark, untilNobodyHas } from "../shapes.ts";
import { assert, assertEquals, assertStringIncludes } from "../std.ts";
import { sh } from "../commands.ts";

/** What is shown on a terminal where a script is run, in the foreground or not, and this is typed as soon as it runs. */
async function shown(
  where: "foreground" | "contained",
  script: string,
  typed: string,
): Promise<string> {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/on_terminal.ts",
  );
  await using folder = await temporaryFolder();
  const ready = folder.file("ready");
  const line = new Command(program, [
    ...args,
    where,
    script.replace("READY", `: >${ready}`),
  ]).commandLine();
  const { readable, writable } = new TransformStream<Uint8Array>();
  const running = new Command("script", ["-qec", `exec ${line}`, "/dev/null"])
    .env("NO_COLOR", "1").stdin(readable).timeout(30_000).run();
  await eventually(
    "the script runs",
    () => access(ready).then(() => true, () => false),
  );
  const writer = writable.getWriter();
  // The script may not wait for it.
  await writer.write(new TextEncoder().encode(typed)).catch(() => {});
  const text = await running;
  await writer.abort().catch(() => {});
  return text;
}

test("a run in the foreground can read its terminal, and its streams are the caller's", async () => {
  const text = await shown(
    "foreground",
    'READY; read answer </dev/tty; echo "got $answer"; read more; echo "and $more"',
    "yes\nindeed\n",
  );
  assertStringIncludes(text, "got yes");
  assertStringIncludes(text, "and indeed");
  assertStringIncludes(
    text,
    '{"outcome":{"kind":"exited","code":0},"stdout":""}',
  );
});

test("a run that is contained has no terminal", async () => {
  const text = await shown(
    "contained",
    "READY; read answer </dev/tty || echo none",
    "yes\n",
  );
  assertStringIncludes(text, '"stdout":"none\\n"');
});

test("Ctrl-C reaches a run in the foreground, and a contained one not", async () => {
  const script =
    'trap "echo interrupted; exit 3" INT; READY; sleep 1.5 & wait; echo whole';
  const foreground = await shown("foreground", script, "\x03");
  assertStringIncludes(foreground, "interrupted");
  assertStringIncludes(foreground, '"code":3');
  assertStringIncludes(foreground, "the owner was interrupted");
  const contained = await shown("contained", script, "\x03");
  assertStringIncludes(contained, "the owner was interrupted");
  assertStringIncludes(contained, '"stdout":"whole\\n"');
});

test("a run in the foreground is in the caller's own session and group, and is ended with what it started", async () => {
  const mark = newMark();
  const fields = await new JobRunner().outputString(
    sh("cut -d' ' -f5,6 /proc/$$/stat /proc/$PPID/stat").foreground()
      .stdin("").stdout("piped"),
  );
  const [own, parents] = fields.stdout.trim().split("\n");
  assert(own !== "");
  assertEquals(own, parents);
  const run = sh('setsid sleep "$1" & sleep "$1" & wait', mark).foreground()
    .stdin("").timeout(500);
  assertEquals((await run.outputString()).outcome, { kind: "timed-out" });
  await untilNobodyHas(mark);
});

test("nothing is left of a run in the foreground whose owner was killed", async () => {
  const mark = newMark();
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/killed_in_foreground.ts",
  );
  const { outcome } = await new JobRunner({ containment: "none" })
    .outputString(new Command(program, [...args, mark]));
  assertEquals(outcome, { kind: "signalled", signal: 9 });
  await untilNobodyHas(mark);
});
