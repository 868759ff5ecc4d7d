import { readFile, symlink, writeFile } from "node:fs/promises";
import {
  Cassette,
  CassetteError,
  CassetteMissError,
  type CassetteMode,
  Command,
  JobRunner,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
  Stdin,
} from "../../mod.ts";
import { collect, failureOf, sh } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../std.ts";

/** A runner that answers every run with its number, and counts the runs. */
function counter(): ScriptedRunner & { runs(): number } {
  let runs = 0;
  const runner = new ScriptedRunner();
  const outputString = runner.outputString.bind(runner);
  runner.outputString = (command) => {
    runner.fallback(Reply.ok(`${++runs}\n`));
    return outputString(command);
  };
  return Object.assign(runner, { runs: () => runs });
}

const A = new Command("tool", ["a"]);
const B = new Command("tool", ["b"]);
const C = new Command("tool", ["c"]);

/** The first argument of each entry, followed by its stdout. */
async function runsIn(path: string): Promise<string[]> {
  return (await Cassette.read(path)).entries.map(({ args, stdout }) =>
    `${args[0]}${stdout.trimEnd()}`
  );
}

test("record replaces the file, and replay plays it", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = counter();
  for (const command of [A, B]) {
    const runner = await RecordReplayRunner.open(path, {
      mode: "record",
      inner,
    });
    assertEquals([runner.mode, runner.path], ["record", path]);
    await runner.run(command);
    await runner.save();
  }
  assertEquals(await runsIn(path), ["b2"]);
  const replayer = await RecordReplayRunner.open(path, {
    mode: "replay",
    inner,
  });
  assertEquals(await replayer.run(B), "2");
  await assertRejects(() => replayer.run(A), CassetteMissError);
  assertEquals(inner.runs(), 2);
});

test("auto records if the file does not exist, and replays it if it does", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("new/c.json");
  const inner = counter();
  const first = await RecordReplayRunner.open(path, { mode: "auto", inner });
  assertEquals(first.mode, "record");
  await first.run(A);
  await first.save();
  const second = await RecordReplayRunner.open(path, { mode: "auto", inner });
  assertEquals(second.mode, "replay");
  assertEquals(await second.run(A), "1");
  assertEquals(inner.runs(), 1);
  // A file that cannot be read is not overwritten.
  await writeFile(path, "{");
  const error = await failureOf(
    RecordReplayRunner.open(path, { mode: "auto" }),
  );
  assertInstanceOf(error, CassetteError);
  assertEquals(error.reason, "invalid-data");
});

test("new-episodes replays recorded commands, records other commands, and keeps the rest of the file", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = counter();
  await writeFile(
    path,
    `{
  "version": 1,
  "note": "kept",
  "entries": [
    {
      "program": "tool",
      "args": [
        "a"
      ],
      "stdout": "0\\n",
      "stderr": "",
      "code": 0,
      "later": 1.50
    },
    {
      "program": "unasked",
      "args": [],
      "stdout": "",
      "stderr": "",
      "code": 0
    }
  ]
}`,
  );
  const before = await readFile(path, "utf8");
  const idle = await RecordReplayRunner.open(path, {
    mode: "new-episodes",
    inner,
  });
  assertEquals(await idle.run(A), "0");
  await idle.save();
  assertEquals(await readFile(path, "utf8"), before);
  // Without a new run, not even the white space changes.
  const other = folder.file("other.json");
  await writeFile(other, '{"version":1,"entries":[]}\n');
  await (await RecordReplayRunner.open(other, { mode: "new-episodes", inner }))
    .save();
  assertEquals(await readFile(other, "utf8"), '{"version":1,"entries":[]}\n');

  const runner = await RecordReplayRunner.open(path, {
    mode: "new-episodes",
    inner,
  });
  assertEquals(await runner.run(B), "1");
  assertEquals(await runner.run(A), "0");
  // A command that was not recorded before runs every time: its answers may differ.
  assertEquals(await runner.run(B), "2");
  await runner.save();
  await runner.save();
  assertEquals(await runsIn(path), ["a0", "undefined", "b1", "b2"]);
  assertEquals(await runner.run(C), "3");
  await runner[Symbol.asyncDispose]();
  assertEquals(await runsIn(path), ["a0", "undefined", "b1", "b2", "c3"]);
  const after = await readFile(path, "utf8");
  assert(after.startsWith(before.slice(0, before.lastIndexOf("}\n  ]"))));
  assertEquals(runner.unplayed().map(({ program }) => program), ["unasked"]);
});

test("new-episodes creates a missing file, even without any run", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const runner = await RecordReplayRunner.open(path, {
    mode: "new-episodes",
    inner: counter(),
  });
  await runner.save();
  assertEquals((await Cassette.read(path)).entries, []);
  await runner.run(A);
  runner.discard();
  await runner.save();
  assertEquals((await Cassette.read(path)).entries, []);
});

test("with repeat set to error, new-episodes runs a command whose recordings are used up", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = counter();
  await RecordReplayRunner.recording(path, inner, (runner) => runner.run(A));
  const runner = await RecordReplayRunner.open(path, {
    mode: "new-episodes",
    repeat: "error",
    inner,
  });
  assertEquals([await runner.run(A), await runner.run(A)], ["1", "2"]);
  await runner.save();
  assertEquals(await runsIn(path), ["a1", "a2"]);
});

test("two runners that add to one file lose no run, whichever was opened first", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = counter();
  const open = () =>
    RecordReplayRunner.open(path, { mode: "new-episodes", inner });
  const [one, other] = [await open(), await open()];
  await one.run(A);
  await other.run(B);
  await Promise.all([one.save(), other.save()]);
  assertEquals((await runsIn(path)).sort(), ["a1", "b2"]);
  await one.run(C);
  await one.save();
  assertEquals((await runsIn(path)).sort(), ["a1", "b2", "c3"]);
});

test("processes of both runtimes that add to one file at the same time lose no run", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const runners = (["deno", "bun"] as const).flatMap((runtime, at) =>
    [0, 1].map((index) => {
      const words = scriptWords(runtime, "tests/fixtures/add_episodes.ts");
      return new Command(words.program, words.args)
        .args([path, `p${at}${index}`, "15"]).run();
    })
  );
  await Promise.all(runners);
  const { entries } = await Cassette.read(path);
  const words = entries.map(({ args }) => args.join(" ")).sort();
  const expected = ["p00", "p01", "p10", "p11"].flatMap((name) =>
    Array.from({ length: 15 }, (_, index) => `${name} ${index}`)
  ).sort();
  assertEquals(words, expected);
});

test("new-episodes does not write to an invalid cassette or through a symbolic link", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = counter();
  const runner = await RecordReplayRunner.open(path, {
    mode: "new-episodes",
    inner,
  });
  await runner.run(A);
  await writeFile(path, "broken");
  const broken = await failureOf(runner.save());
  assertInstanceOf(broken, CassetteError);
  assertEquals(broken.reason, "invalid-data");
  assertEquals(await readFile(path, "utf8"), "broken");
  await writeFile(folder.file("target"), '{"version":1,"entries":[]}');
  await symlink(folder.file("target"), folder.file("link.json"));
  const linked = await RecordReplayRunner.open(folder.file("link.json"), {
    mode: "new-episodes",
    inner,
  });
  await linked.run(A);
  const error = await failureOf(linked.save());
  assertInstanceOf(error, CassetteError);
  assertEquals(error.reason, "symlink");
});

test("passthrough runs every command, even one that cannot be recorded, and touches no file", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const runner = await RecordReplayRunner.open(path, {
    mode: "passthrough",
    inner: new JobRunner(),
  });
  assertEquals(runner.mode, "passthrough");
  const stream = new Response("streamed").body!;
  assertEquals(
    await runner.run(new Command("cat").stdin(Stdin.fromStream(stream))),
    "streamed",
  );
  assertEquals(
    (await runner.outputBytes(sh("printf x"))).stdout,
    Uint8Array.of(120),
  );
  await using process = await runner.start(new Command("cat").keepStdinOpen());
  const stdin = process.takeStdin()!;
  await stdin.writeLine("typed");
  await stdin.finish();
  assertEquals(await collect(process.stdoutLines()), ["typed"]);
  await runner.save();
  assertEquals(runner.unplayed(), []);
  runner.assertAllPlayed();
  await assertRejects(() => Cassette.read(path), CassetteError);
});

test("an unknown mode is refused, and so is a missing one", async () => {
  const wrong = [
    "replays",
    "",
    undefined,
    null,
    1,
  ] as unknown as CassetteMode[];
  for (const mode of wrong) {
    const error = await failureOf(RecordReplayRunner.open("c.json", { mode }));
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, '"new-episodes"');
  }
  await assertRejects(
    () =>
      RecordReplayRunner.open("c.json", {
        mode: "record",
        inner: {} as JobRunner,
      }),
    TypeError,
    "expected a ProcessRunner",
  );
});

test("a replay in any mode needs read permission only", async () => {
  // Bun has no permissions.
  if (runtimeName !== "deno") return;
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(
    path,
    new ScriptedRunner().fallback(Reply.ok("recorded\n")),
    (runner) => runner.run(A),
  );
  const { program, args } = scriptWords(
    "deno",
    "tests/fixtures/replay_modes.ts",
    [
      `--allow-read=${path}`,
    ],
  );
  const printed = await new Command(program, [...args, path]).run();
  assertEquals(printed, "recorded recorded recorded");
});
