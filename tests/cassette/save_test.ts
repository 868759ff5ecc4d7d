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
import { failureOf, sh } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
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

test("the file is what the format says, to the byte", async () => {
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

test("a recording of nothing is a file, too", async () => {
  await using folder = await temporaryFolder();
  await RecordReplayRunner.recording(folder.file("c.json"), ok, async () => {});
  assertEquals(
    await readFile(folder.file("c.json"), "utf8"),
    '{\n  "version": 1,\n  "entries": []\n}',
  );
});

test("recording the same twice gives identical bytes", async () => {
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

test("recording touches no file before it is saved, and replaces the old one", async () => {
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

test("a body that throws leaves no file, and an older one untouched", async () => {
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

test("recording gives back what its body returns, and its runner is the inner one's", async () => {
  await using folder = await temporaryFolder();
  const value = await RecordReplayRunner.recording(
    folder.file("c.json"),
    ok,
    (runner) => runner.run(new Command("a")),
  );
  assertEquals(value, "x");
});

test("disposal saves what is unsaved, and only then writes", async () => {
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
    await writeFile(folder.file("c.json"), "somebody else's");
  }
  assertEquals(
    await readFile(folder.file("c.json"), "utf8"),
    "somebody else's",
  );
});

test("disposal never throws", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.file("c.json"));
  const recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
  await recorder.run(new Command("a"));
  await recorder[Symbol.asyncDispose]();
  await cassetteFailure(recorder.save(), "not-a-file", folder.file("c.json"));
});

test("what is discarded is not saved, and what is saved is not discarded", async () => {
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

test("what is discarded on its way into the file is forgotten only if it does not get there", async () => {
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

test("a name may be long, and hold a backslash", async () => {
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

test("in replay, save and discard and disposal do nothing", async () => {
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

/** Completes its runs when it is told to. */
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

test("a run recorded during a save is still unsaved", async () => {
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

test("two saves at once leave a whole file with all runs", async () => {
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

test("a save that failed can be made up for", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.file("c.json"));
  const recorder = RecordReplayRunner.record(folder.file("c.json"), ok);
  await recorder.run(new Command("a"));
  await cassetteFailure(recorder.save(), "not-a-file", folder.file("c.json"));
  await sh('rmdir "$1"', folder.file("c.json")).run();
  await recorder[Symbol.asyncDispose]();
  assertEquals((await Cassette.read(folder.file("c.json"))).entries.length, 1);
});

test("two processes that save to one path leave the whole of one of them", async () => {
  await using folder = await temporaryFolder();
  const { program, args } = scriptWords(runtimeName, "tests/fixtures/save.ts");
  const saver = (name: string) =>
    new Command(program, [...args, folder.file("c.json"), name, "30", "200"]);
  const [one, other] = [saver("one").run(), saver("two").run()];
  let read = 0;
  for (let going = true; going;) {
    going = !await Promise.race([
      Promise.all([one, other]).then(() => true),
      pauseShortly(),
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

async function pauseShortly(): Promise<false> {
  await new Promise((resolve) => setTimeout(resolve, 1));
  return false;
}

test("the file is private whatever the umask is", async () => {
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

test("the file is private whatever the old one was", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("c.json"), "old");
  await chmod(folder.file("c.json"), 0o644);
  await new Cassette().write(folder.file("c.json"));
  assertEquals(await modeOf(folder.file("c.json")), 0o600);
});

test("a symbolic link is refused, and its target is as it was", async () => {
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

test("what is no regular file is refused", async () => {
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

test("missing folders are created", async () => {
  await using folder = await temporaryFolder();
  await new Cassette().write(folder.file("a/b/c.json"));
  assertEquals((await Cassette.read(folder.file("a/b/c.json"))).entries, []);
  await cassetteFailure(
    new Cassette().write(folder.file("a/b/c.json/d.json")),
    "io",
    folder.file("a/b/c.json/d.json"),
  );
});

test("a folder that cannot be written to fails as CassetteError and keeps nothing", async () => {
  // Root may write to any folder of a disk, and to none of these.
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

test("a write that fails half-way removes its temporary file and leaves the old cassette", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("c.json"), "old");
  const { program, args } = scriptWords(runtimeName, "tests/fixtures/save.ts");
  // Files may grow to 64 KiB, and whoever writes more is told so rather than ended.
  const limited = sh(
    "trap '' XFSZ; ulimit -f 128; exec \"$@\"",
    program,
    ...args,
    folder.file("c.json"),
    "x",
    "1",
    "20000",
  );
  const result = await limited.outputString();
  assert(!result.success);
  assertStringIncludes(result.combined, "CassetteError");
  assertEquals(await readFile(folder.file("c.json"), "utf8"), "old");
  assertEquals(await readdir(folder.path), ["c.json"]);
});

test("what could not be read again is not written: 64 MiB and one byte", async () => {
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
