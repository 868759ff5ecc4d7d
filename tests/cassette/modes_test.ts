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

/** Answers with the number of the run, and counts. */
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

async function programsIn(path: string): Promise<string[]> {
  return (await Cassette.read(path)).entries.map(({ args, stdout }) =>
    `${args[0]}${stdout.trimEnd()}`
  );
}

test("record replaces what was there, and replay plays it", async () => {
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
  assertEquals(await programsIn(path), ["b2"]);
  const replayer = await RecordReplayRunner.open(path, {
    mode: "replay",
    inner,
  });
  assertEquals(await replayer.run(B), "2");
  await assertRejects(() => replayer.run(A), CassetteMissError);
  assertEquals(inner.runs(), 2);
});

test("auto records where there is no file, and replays where there is one", async () => {
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
  // What is there and cannot be read is not recorded over.
  await writeFile(path, "{");
  const error = await failureOf(
    RecordReplayRunner.open(path, { mode: "auto" }),
  );
  assertInstanceOf(error, CassetteError);
  assertEquals(error.reason, "invalid-data");
});

test("new-episodes plays what is known, records what is not, and keeps the rest of the file", async () => {
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
  // Not even its spaces are changed for nothing.
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
  // What was not known when it was opened is real every time: its answers may differ.
  assertEquals(await runner.run(B), "2");
  await runner.save();
  await runner.save();
  assertEquals(await programsIn(path), ["a0", "undefined", "b1", "b2"]);
  assertEquals(await runner.run(C), "3");
  await runner[Symbol.asyncDispose]();
  assertEquals(await programsIn(path), ["a0", "undefined", "b1", "b2", "c3"]);
  const after = await readFile(path, "utf8");
  assert(after.startsWith(before.slice(0, before.lastIndexOf("}\n  ]"))));
  assertEquals(runner.unplayed().map(({ program }) => program), ["unasked"]);
});

test("new-episodes begins a file that is not there, also with nothing to put in it", async () => {
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

test("new-episodes runs a key for real whose recordings are exhausted, if they do not repeat", async () => {
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
  assertEquals(await programsIn(path), ["a1", "a2"]);
});

test("two that add to one file lose neither's runs, whichever was opened first", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = counter();
  const open = () =>
    RecordReplayRunner.open(path, { mode: "new-episodes", inner });
  const [one, other] = [await open(), await open()];
  await one.run(A);
  await other.run(B);
  await Promise.all([one.save(), other.save()]);
  assertEquals((await programsIn(path)).sort(), ["a1", "b2"]);
  await one.run(C);
  await one.save();
  assertEquals((await programsIn(path)).sort(), ["a1", "b2", "c3"]);
});

test("processes of both runtimes that add to one file at once lose nobody's runs", async () => {
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

test("what is added to and is no cassette, or a symbolic link, stays as it is", async () => {
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

test("passthrough runs everything for real, also what no cassette could hold, and touches no file", async () => {
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

test("a mode that is none is refused, and so is no mode", async () => {
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

test("a replay by any door needs permission to read alone", async () => {
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
