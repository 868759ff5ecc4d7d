import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import {
  Cassette,
  CassetteError,
  Command,
  JobRunner,
  type ProcessResult,
  ProcessRunner,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
} from "../../mod.ts";
import { failureOf, sh, sleep } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { sized } from "../size.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../std.ts";

const ok = new ScriptedRunner().fallback(Reply.ok("x\n"));

async function cassetteFailure(
  promise: Promise<unknown>,
  reason: string,
  path: string,
): Promise<CassetteError> {
  const error = await failureOf(promise);
  assertInstanceOf(error, CassetteError);
  assertEquals([error.kind, error.reason, error.path], [
    "cassette",
    reason,
    path,
  ]);
  assertStringIncludes(error.message, path);
  return error;
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o7777;
}

test("a cassette has the specified format, to the byte", async () => {
  await using folder = await temporaryFolder();
  const script = new ScriptedRunner()
    .onSequence(["tool"], [
      Reply.ok('tab\t "quoted" \\ é \u{1f600} \u2028 \u0001 \u007f\n'),
      Reply.fail(-1, "no\r\n"),
      Reply.signalled(15),
      Reply.signalled(null),
      Reply.timeout(),
    ]);
  const tool = new Command("tool", ["a b", ""]);
  await RecordReplayRunner.recording(
    folder.file("c.json"),
    script,
    async (runner) => {
      await runner.outputString(
        tool.cwd("/repo").stdin("A").env("B", "1").envRemove("A"),
      );
      for (let rest = 0; rest < 4; rest++) {
        await runner.outputString(
          new Command("tool"),
        );
      }
    },
  );
  const expected = `{
  "version": 1,
  "entries": [
    {
      "program": "tool",
      "args": [
        "a b",
        ""
      ],
      "cwd": "/repo",
      "stdin_digest": 589798960959912759,
      "has_stdin": true,
      "env_names": [
        "A",
        "B"
      ],
      "stdout": "tab\\t \\"quoted\\" \\\\ é \u{1f600} \u2028 \\u0001 \u007f\\n",
      "stderr": "",
      "code": 0
    },
    {
      "program": "tool",
      "args": [],
      "stdout": "",
      "stderr": "no\\r\\n",
      "code": -1
    },
    {
      "program": "tool",
      "args": [],
      "stdout": "",
      "stderr": "",
      "code": null,
      "signal": 15
    },
    {
      "program": "tool",
      "args": [],
      "stdout": "",
      "stderr": "",
      "code": null
    },
    {
      "program": "tool",
      "args": [],
      "stdout": "",
      "stderr": "",
      "code": null,
      "timed_out": true
    }
  ]
}`;
  assertEquals(await readFile(folder.file("c.json"), "utf8"), expected);
});

test("a recording without runs is saved as a file without entries", async () => {
  await using folder = await temporaryFolder();
  await RecordReplayRunner.recording(folder.file("c.json"), ok, async () => {});
  assertEquals(
    await readFile(folder.file("c.json"), "utf8"),
    '{\n  "version": 1,\n  "entries": []\n}',
  );
});

test("recording the same commands twice writes identical bytes", async () => {
  await using folder = await temporaryFolder();
  const record = (name: string) =>
    RecordReplayRunner.recording(
      folder.file(name),
      new JobRunner(),
      async (runner) => {
        await runner.outputString(new Command("ls", ["/no/such/file"]));
        await runner.outputString(sh("echo a; exit 3").cwd("/"));
      },
    );
  await record("one.json");
  await record("two.json");
  assertEquals(
    await readFile(folder.file("one.json")),
    await readFile(folder.file("two.json")),
  );
});

test("a recording writes no file before it is saved, then replaces the old file", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("c.json"), "old");
  const recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
  await recorder.run(new Command("a"));
  assertEquals(await readFile(folder.file("c.json"), "utf8"), "old");
  await recorder.save();
  await recorder.save();
  const { entries } = await Cassette.read(folder.file("c.json"));
  assertEquals(entries.map(({ program }) => program), ["a"]);
  assertEquals(await readdir(folder.path), ["c.json"]);
});

test("recording with a body that throws writes no file, and keeps an old file", async () => {
  await using folder = await temporaryFolder();
  const fail = (path: string) =>
    RecordReplayRunner.recording(path, ok, async (runner) => {
      await runner.run(new Command("a"));
      throw new Error("the test failed");
    });
  await assertRejects(
    () => fail(folder.file("c.json")),
    Error,
    "the test failed",
  );
  assertEquals(await readdir(folder.path), []);
  await writeFile(folder.file("c.json"), "old");
  await assertRejects(
    () => fail(folder.file("c.json")),
    Error,
    "the test failed",
  );
  assertEquals(await readFile(folder.file("c.json"), "utf8"), "old");
});

test("recording returns the value of its body", async () => {
  await using folder = await temporaryFolder();
  const value = await RecordReplayRunner.recording(
    folder.file("c.json"),
    ok,
    (runner) => runner.run(new Command("a")),
  );
  assertEquals(value, "x");
});

test("disposal saves unsaved runs, and writes nothing if there are none", async () => {
  await using folder = await temporaryFolder();
  {
    await using _idle = RecordReplayRunner.record(folder.file("idle.json"), ok);
    await using recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
    await recorder.run(new Command("a"));
    await recorder.save();
    await recorder.run(new Command("b"));
  }
  assertEquals(await readdir(folder.path), ["c.json"]);
  assertEquals(
    (await Cassette.read(folder.file("c.json"))).entries.map(({ program }) =>
      program
    ),
    ["a", "b"],
  );
  {
    await using recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
    await recorder.run(new Command("c"));
    await recorder.save();
    await writeFile(folder.file("c.json"), "changed");
  }
  assertEquals(await readFile(folder.file("c.json"), "utf8"), "changed");
});

test("disposal never throws", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.file("c.json"));
  const recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
  await recorder.run(new Command("a"));
  await recorder[Symbol.asyncDispose]();
  await cassetteFailure(recorder.save(), "not-a-file", folder.file("c.json"));
});

test("discarded runs are not saved, and saved runs are not discarded", async () => {
  await using folder = await temporaryFolder();
  const recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
  await recorder.run(new Command("a"));
  await recorder.save();
  await recorder.run(new Command("b"));
  recorder.discard();
  await recorder.run(new Command("c"));
  const saving = recorder.save();
  await Promise.resolve();
  recorder.discard();
  await saving;
  await recorder.save();
  assertEquals(
    (await Cassette.read(folder.file("c.json"))).entries.map(({ program }) =>
      program
    ),
    ["a", "c"],
  );
});

test("a run that is discarded during a save is dropped only if the save fails", async () => {
  await using folder = await temporaryFolder();
  const programs = async () =>
    (await Cassette.read(folder.file("c.json"))).entries.map(({ program }) =>
      program
    );
  const recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
  await recorder.run(new Command("a"));
  const first = recorder.save();
  recorder.discard();
  await first;
  assertEquals(await programs(), ["a"]);
  await recorder.run(new Command("b"));
  const saves = [recorder.save()];
  await recorder.run(new Command("c"));
  saves.push(recorder.save());
  recorder.discard();
  await Promise.all(saves);
  assertEquals(await programs(), ["a", "b", "c"]);
  await sh('rm "$1"; mkdir "$1"', folder.file("c.json")).run();
  await recorder.run(new Command("d"));
  const failing = recorder.save();
  recorder.discard();
  await recorder.run(new Command("e"));
  await cassetteFailure(failing, "not-a-file", folder.file("c.json"));
  await sh('rmdir "$1"', folder.file("c.json")).run();
  await recorder[Symbol.asyncDispose]();
  assertEquals(await programs(), ["a", "b", "c", "e"]);
});

test("the name of a cassette may be long, and contain a backslash", async () => {
  await using folder = await temporaryFolder();
  for (
    const name of [
      `${"n".repeat(250)}.json`,
      "back\\slash.json",
      "é😀".repeat(30),
    ]
  ) {
    await new Cassette().write(folder.file(name));
    assertEquals((await Cassette.read(folder.file(name))).entries, []);
  }
  assertEquals((await readdir(folder.path)).length, 3);
});

test("save, discard and disposal of a replayer do nothing", async () => {
  await using folder = await temporaryFolder();
  await RecordReplayRunner.recording(
    folder.file("c.json"),
    ok,
    (runner) => runner.run(new Command("a")),
  );
  const before = await stat(folder.file("c.json"));
  {
    await using replayer = await RecordReplayRunner.replay(
      folder.file("c.json"),
    );
    await replayer.run(new Command("a"));
    await replayer.save();
    replayer.discard();
  }
  const after = await stat(folder.file("c.json"));
  assertEquals([after.ino, after.mtimeMs], [before.ino, before.mtimeMs]);
});

/** Completes the runs of a program once {@linkcode Gated.open} is called for it. */
class Gated extends ProcessRunner {
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();

  open(program: string): void {
    this.#gate(program).resolve();
  }

  override async outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    await this.#gate(command.invocation.program).promise;
    return await ok.outputString(command);
  }

  #gate(program: string): PromiseWithResolvers<void> {
    const gate = this.#gates.get(program) ?? Promise.withResolvers<void>();
    this.#gates.set(program, gate);
    return gate;
  }
}

test("a run that completes during a save is saved by the next save", async () => {
  await using folder = await temporaryFolder();
  const gated = new Gated();
  const recorder = RecordReplayRunner.record(folder.file("c.json"), gated);
  gated.open("a");
  await recorder.run(new Command("a"));
  const late = recorder.run(new Command("b"));
  const saving = recorder.save();
  await Promise.resolve();
  await Promise.resolve();
  gated.open("b");
  await late;
  await saving;
  const programs = async () =>
    (await Cassette.read(folder.file("c.json"))).entries.map(({ program }) =>
      program
    );
  assertEquals(await programs(), ["a"]);
  await recorder[Symbol.asyncDispose]();
  assertEquals(await programs(), ["a", "b"]);
});

test("saves at the same time leave a whole file with all runs", async () => {
  await using folder = await temporaryFolder();
  const recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
  const saves = [];
  for (let index = 0; index < 20; index++) {
    await recorder.run(new Command(`p${index}`));
    saves.push(recorder.save());
  }
  await Promise.all(saves);
  assertEquals((await Cassette.read(folder.file("c.json"))).entries.length, 20);
  assertEquals(await readdir(folder.path), ["c.json"]);
});

test("disposal saves the runs of a save that failed", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.file("c.json"));
  const recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
  await recorder.run(new Command("a"));
  await cassetteFailure(recorder.save(), "not-a-file", folder.file("c.json"));
  await sh('rmdir "$1"', folder.file("c.json")).run();
  await recorder[Symbol.asyncDispose]();
  assertEquals((await Cassette.read(folder.file("c.json"))).entries.length, 1);
});

test("two processes that save to one path leave the whole cassette of one of them", async () => {
  await using folder = await temporaryFolder();
  const { program, args } = scriptWords(runtimeName, "tests/fixtures/save.ts");
  const saves = sized("10", "30");
  const saver = (name: string) =>
    new Command(program, [...args, folder.file("c.json"), name, saves, "200"]);
  const [one, other] = [saver("one").run(), saver("two").run()];
  let read = 0;
  for (let isRunning = true; isRunning;) {
    // The last turn of the loop reads the file after both processes have exited.
    isRunning = await Promise.race([
      Promise.all([one, other]).then(() => false),
      sleep(5).then(() => true),
    ]);
    const error = await Cassette.read(folder.file("c.json")).then(
      () => void read++,
      (error) => error,
    );
    if (error !== undefined) {
      assertEquals((error as CassetteError).reason, "not-found", `${error}`);
    }
  }
  assert(read > 0);
  const { entries } = await Cassette.read(folder.file("c.json"));
  assertEquals(entries.length, 200);
  assertEquals(new Set(entries.map(({ program }) => program)).size, 1);
  assertEquals(await readdir(folder.path), ["c.json"]);
});

test("a saved cassette has mode 0600, whatever the umask", async () => {
  await using folder = await temporaryFolder();
  const { program, args } = scriptWords(runtimeName, "tests/fixtures/save.ts");
  for (const umask of ["000", "077", "777"]) {
    const path = folder.file(`${umask}.json`);
    await sh(
      'umask "$1"; shift; exec "$@"',
      umask,
      program,
      ...args,
      path,
      "x",
      "1",
      "1",
    ).run();
    assertEquals(await modeOf(path), 0o600, umask);
  }
});

test("a saved cassette has mode 0600, whatever the mode of the old file", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("c.json"), "old");
  await chmod(folder.file("c.json"), 0o644);
  await new Cassette().write(folder.file("c.json"));
  assertEquals(await modeOf(folder.file("c.json")), 0o600);
});

test("saving to a symbolic link is refused, and its target does not change", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("target"), "precious");
  await symlink(folder.file("target"), folder.file("c.json"));
  await symlink(folder.file("nowhere"), folder.file("dangling.json"));
  for (const name of ["c.json", "dangling.json"]) {
    await cassetteFailure(
      new Cassette().write(folder.file(name)),
      "symlink",
      folder.file(name),
    );
    assert((await lstat(folder.file(name))).isSymbolicLink());
  }
  assertEquals(await readFile(folder.file("target"), "utf8"), "precious");
  assertEquals((await readdir(folder.path)).sort(), [
    "c.json",
    "dangling.json",
    "target",
  ]);
});

test("saving to a FIFO or a folder is refused", async () => {
  await using folder = await temporaryFolder();
  await sh('mkfifo "$1"', folder.file("fifo")).run();
  await cassetteFailure(
    new Cassette().write(folder.file("fifo")),
    "not-a-file",
    folder.file("fifo"),
  );
  await cassetteFailure(
    new Cassette().write(folder.path),
    "not-a-file",
    folder.path,
  );
});

test("a save creates missing folders", async () => {
  await using folder = await temporaryFolder();
  await new Cassette().write(folder.file("a/b/c.json"));
  assertEquals((await Cassette.read(folder.file("a/b/c.json"))).entries, []);
  await cassetteFailure(
    new Cassette().write(folder.file("a/b/c.json/d.json")),
    "io",
    folder.file("a/b/c.json/d.json"),
  );
});

test("a save to a folder that is not writable throws CassetteError and leaves no file", async () => {
  // Root may write to any folder on a disk, but not to these.
  const { process } = globalThis as unknown as {
    process: { getuid(): number };
  };
  await using folder = await temporaryFolder();
  await chmod(folder.path, 0o555);
  const folders = process.getuid() === 0
    ? ["/proc/self", "/sys/kernel"]
    : [folder.path];
  for (const path of folders) {
    const before = await readdir(path);
    await cassetteFailure(
      new Cassette().write(`${path}/c.json`),
      "io",
      `${path}/c.json`,
    );
    assertEquals(await readdir(path), before);
  }
  await chmod(folder.path, 0o755);
});

test("a write that fails half-way removes the temporary file and keeps the old cassette", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("c.json"), "old");
  const { program, args } = scriptWords(runtimeName, "tests/fixtures/save.ts");
  // Files may grow to 64 KiB. With SIGXFSZ ignored, a longer write fails instead of killing the process.
  const limited = sh(
    "trap '' XFSZ; ulimit -f 128; exec \"$@\"",
    program,
    ...args,
    folder.file("c.json"),
    "x",
    "1",
    "2000",
  );
  const result = await limited.outputString();
  assert(!result.success);
  assertStringIncludes(result.combined, "CassetteError");
  assertEquals(await readFile(folder.file("c.json"), "utf8"), "old");
  assertEquals(await readdir(folder.path), ["c.json"]);
});

test("a cassette of 64 MiB is saved, and one byte more is refused", async () => {
  await using folder = await temporaryFolder();
  const overhead = new TextEncoder().encode(cassetteOf("").toString()).length;
  const room = 64 * 1024 * 1024 - overhead;
  await cassetteOf("x".repeat(room)).write(folder.file("full.json"));
  assertEquals((await stat(folder.file("full.json"))).size, 64 * 1024 * 1024);
  assertEquals(
    (await Cassette.read(folder.file("full.json"))).entries[0].stdout.length,
    room,
  );
  const error = await cassetteFailure(
    cassetteOf("x".repeat(room + 1)).write(folder.file("over.json")),
    "too-large",
    folder.file("over.json"),
  );
  assertStringIncludes(error.message, "67108865");
  assertStringIncludes(error.message, "67108864");
  assertEquals(await readdir(folder.path), ["full.json"]);
});

function cassetteOf(stdout: string): Cassette {
  const template = Cassette.parse(
    '{"version":1,"entries":[{"program":"x","args":[],"stdout":"","stderr":"","code":0}]}',
  );
  return new Cassette([{ ...template.entries[0], stdout }]);
}
