import { readFile } from "node:fs/promises";
import {
  Cassette,
  CassetteError,
  CassetteMissError,
  Command,
  JobRunner,
  paths,
  RecordReplayRunner,
  redactPattern,
  Reply,
  ScriptedRunner,
  UnsupportedError,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const A = new Command("tool", ["a"]);
const B = new Command("tool", ["b"]);

/** Records the commands. The output of each is its index. */
async function record(
  path: string,
  commands: readonly Command[],
): Promise<void> {
  const inner = new ScriptedRunner().onSequence(
    ["tool"],
    commands.map((_, index) => Reply.ok(`${index}\n`)),
  );
  await RecordReplayRunner.recording(path, inner, async (runner) => {
    for (const command of commands) await runner.run(command);
  });
}

test("unplayed lists the recordings that were not played, in the order of the file", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await record(path, [A, B, A, B]);
  const replayer = await RecordReplayRunner.replay(path);
  const unplayed = () => replayer.unplayed().map(({ stdout }) => stdout.trim());
  assertEquals(unplayed(), ["0", "1", "2", "3"]);
  await replayer.run(A);
  await replayer.run(B);
  assertEquals(unplayed(), ["2", "3"]);
  const error = assertThrows(() => replayer.assertAllPlayed(), CassetteError);
  assertEquals([error.reason, error.path], ["unplayed", path]);
  assertStringIncludes(error.message, "entries[2] `tool a`");
  assertStringIncludes(error.message, "entries[3] `tool b`");
  await using process = await replayer.start(A);
  await process.wait();
  await replayer.outputBytes(B);
  replayer.assertAllPlayed();
  await replayer.run(A);
  assertEquals(replayer.unplayed(), []);
});

test("the message about many unplayed recordings has a bounded length", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const long = "x".repeat(5000);
  await record(
    path,
    Array.from(
      { length: 200 },
      (_, index) => new Command("tool", [`${index}`, long]),
    ),
  );
  const replayer = await RecordReplayRunner.replay(path);
  const error = assertThrows(() => replayer.assertAllPlayed(), CassetteError);
  assert(error.message.length < 2500);
  assertStringIncludes(error.message, "200 of its 200");
  assertStringIncludes(error.message, "and 190 more");
});

test("a recorder has no unplayed recordings", async () => {
  const runner = RecordReplayRunner.record("c.json");
  assertEquals(runner.unplayed(), []);
  runner.assertAllPlayed();
  await assertRejects(() => runner.check(new JobRunner()), UnsupportedError);
});

test("a strict order plays each recording once, in its turn, and a miss tells the asked and the expected command", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await record(path, [A, B, A]);
  const replayer = await RecordReplayRunner.replay(path, { order: "strict" });
  assertEquals(await replayer.run(A), "0");
  const early = await failureOf(replayer.run(A));
  assertInstanceOf(early, CassetteMissError);
  assertEquals(early.reason, "out-of-turn");
  assertEquals(early.nearest.map(({ index }) => index), [1]);
  assertStringIncludes(early.message, "`tool a`");
  assertStringIncludes(early.message, "recorded `tool b`; next in order");
  // The failed run did not use up the recording.
  assertEquals(await replayer.run(B), "1");
  assertEquals(await replayer.run(A), "2");
  const late = await failureOf(replayer.run(A));
  assertInstanceOf(late, CassetteMissError);
  assertEquals([late.reason, late.nearest], ["out-of-turn", []]);
  assertStringIncludes(late.message, "has none left for `tool a`");
  const unknown = await failureOf(replayer.run(new Command("tool", ["c"])));
  assertInstanceOf(unknown, CassetteMissError);
  assertEquals(unknown.reason, "unknown");
  replayer.assertAllPlayed();
});

test("a recording whose bytes are refused remains unplayed", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = new ScriptedRunner().fallback(Reply.ok("\ufffd one\n"));
  await RecordReplayRunner.recording(path, inner, (runner) => runner.run(A));
  const replayer = await RecordReplayRunner.replay(path, { order: "strict" });
  await assertRejects(() => replayer.outputBytes(A), CassetteMissError);
  assertEquals(replayer.unplayed().length, 1);
  assertEquals(await replayer.run(A), "\ufffd one");
});

test("new-episodes refuses a strict order", async () => {
  await assertRejects(
    () =>
      RecordReplayRunner.open("c.json", {
        mode: "new-episodes",
        order: "strict",
      }),
    TypeError,
    "new-episodes",
  );
});

test("the last recording of a command repeats, or is an error with repeat set to error", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await record(path, [A, A]);
  const patient = await RecordReplayRunner.replay(path, { repeat: "last" });
  const strict = await RecordReplayRunner.replay(path, { repeat: "error" });
  for (const runner of [patient, strict]) {
    assertEquals([await runner.run(A), await runner.run(A)], ["0", "1"]);
  }
  assertEquals(await patient.run(A), "1");
  const error = await failureOf(strict.run(A));
  assertInstanceOf(error, CassetteMissError);
  assertEquals(error.reason, "exhausted");
  assertStringIncludes(error.message, "all 2 of its recordings");
});

test("check runs the commands again and reports changed results as a diff", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  const recorded = new ScriptedRunner()
    .on(["seq"], Reply.lines(lines))
    .on(["sh", "-c", "exit 3"], Reply.ok())
    .on(["echo", "same"], Reply.ok("same\n"))
    .on(["no-such-tool"], Reply.ok("once\n"))
    .on(["sh", "-c", "kill -9 $$"], Reply.timeout().withStderr("gone\n"));
  const gone = sh("kill -9 $$").timeout(60_000);
  await RecordReplayRunner.recording(path, recorded, async (runner) => {
    await runner.run(new Command("seq", ["10"]));
    await runner.run(new Command("sh", ["-c", "exit 3"]));
    await runner.run(new Command("echo", ["same"]));
    await runner.run(new Command("no-such-tool"));
    await runner.outputString(gone);
  });
  const before = await readFile(path, "utf8");
  const replayer = await RecordReplayRunner.replay(path);
  await replayer.outputString(gone);
  await using live = new JobRunner();
  const now = new ScriptedRunner()
    .on(["seq"], Reply.lines(lines.with(9, "LINE 9")))
    .on(["no-such-tool"], Reply.notFound());
  now.fallback(Reply.ok());
  const report = await replayer.check({
    __proto__: live,
    outputString: (command: Command) =>
      ["seq", "no-such-tool"].includes(command.invocation.program)
        ? now.outputString(command)
        : live.outputString(command),
  } as unknown as JobRunner);
  assertEquals([report.unchanged, report.skipped], [1, []]);
  assertEquals(report.changed.map(({ index }) => index), [0, 1, 3, 4]);
  const [seq, exit, missing, killed] = report.changed;
  assertStringIncludes(seq.diff, " line 8\n-line 9\n+LINE 9\n line 10");
  assert(!seq.diff.includes("line 0\n"));
  assertEquals(seq.now!.stdout.includes("LINE 9"), true);
  assertEquals(
    exit.diff,
    "  recorded: exited with code 0; now: exited with code 3",
  );
  assertEquals(missing.now, null);
  assertStringIncludes(missing.diff, "NotFoundError");
  assertStringIncludes(
    killed.diff,
    "  recorded: reached its deadline; now: was killed by SIGKILL (9)",
  );
  assertStringIncludes(killed.diff, "-gone");
  assertStringIncludes(String(report), "1 unchanged, 4 changed, 0 skipped");
  assertStringIncludes(String(report), "entries[1] `sh -c 'exit 3'`");
  assertEquals(await readFile(path, "utf8"), before);
});

test("check takes stdin, variables and timeouts from the commands that were played, and skips other entries", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const typed = new Command("cat").stdin("input\n");
  const named = sh("echo $NAME").env("NAME", "value");
  const late = sh("sleep 60").timeout(50);
  await RecordReplayRunner.recording(path, new JobRunner(), async (runner) => {
    for (const command of [typed, named, late]) {
      await runner.outputString(command);
    }
  });
  const replayer = await RecordReplayRunner.replay(path);
  const idle = await replayer.check(new JobRunner());
  assertEquals([idle.unchanged, idle.changed], [0, []]);
  assertEquals(idle.skipped.map(({ reason }) => reason.split(";")[0]), [
    "its stdin is not in the file",
    "the values of NAME are not in the file",
    "its timeout is not in the file",
  ]);
  let heard = 0;
  await replayer.outputString(typed.onStdoutLine(() => void heard++));
  await replayer.outputString(named);
  await replayer.outputString(late);
  const report = await replayer.check(new JobRunner());
  assertEquals([report.unchanged, report.skipped, report.changed], [3, [], []]);
  // A check does not call the handlers of the replayed command.
  assertEquals(heard, 1);
});

test("check restores the folders of this machine, and skips an entry that redact may have changed", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { process } = globalThis as unknown as { process: { cwd(): string } };
  const options = { normalize: paths({ cwd: true }) };
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) =>
      runner.run(sh('echo "$1"; pwd', process.cwd()).cwd(process.cwd())),
    options,
  );
  const replayer = await RecordReplayRunner.replay(path, options);
  const report = await replayer.check(new JobRunner());
  assertEquals([report.unchanged, report.changed], [1, []]);
  const redacting = await RecordReplayRunner.replay(path, {
    ...options,
    redact: redactPattern(/x/),
  });
  const skipped = await redacting.check(new JobRunner());
  assertEquals(skipped.skipped.length, 1);
});

test("check skips entries that are not valid commands, and shows trailing spaces", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const entry = '"stdout":"foo\\n","stderr":"","code":0';
  await Cassette.parse(
    `{"version":1,"entries":[{"program":"","args":[],${entry}},{"program":"x","args":["\\u0000"],${entry}},` +
      `{"program":"tool","args":[],${entry}}]}`,
  ).write(path);
  const replayer = await RecordReplayRunner.replay(path);
  const report = await replayer.check(
    new ScriptedRunner().fallback(Reply.ok("foo  \n")),
  );
  assertEquals([report.skipped.length, report.changed.length], [2, 1]);
  assertStringIncludes(report.changed[0].diff, "+foo  ");
});

test("check compares bytes if bytes were recorded", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = sh("printf '\\377'");
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputBytes(tool),
  );
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals((await replayer.check(new JobRunner())).unchanged, 1);
  const [entry] = (await Cassette.read(path)).entries;
  await new Cassette([{
    ...entry,
    stdoutBase64: Uint8Array.of(254).toBase64(),
  }]).write(path);
  const other = await RecordReplayRunner.replay(path);
  const report = await other.check(new JobRunner());
  assertEquals(
    report.changed.map(({ diff }) => diff),
    ["  the bytes of stdout differ, although their text is equal"],
  );
});
