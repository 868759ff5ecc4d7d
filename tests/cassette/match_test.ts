import { readFile } from "node:fs/promises";
import {
  Cassette,
  type CassetteKey,
  CassetteMissError,
  type CassetteOptions,
  Command,
  JobRunner,
  type OpenOptions,
  paths,
  type PathsOptions,
  RecordReplayRunner,
  redactPattern,
  Reply,
  ScriptedRunner,
  Stdin,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import {
  runtimeName,
  setVariables,
  temporaryFolder,
  test,
} from "../harness.ts";
import { ROOT, scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const TOOL = new Command("tool", ["x"]);
const inner = new ScriptedRunner().fallback(Reply.ok("answer\n"));

async function record(
  path: string,
  commands: readonly Command[],
  options: CassetteOptions,
): Promise<string> {
  await RecordReplayRunner.recording(path, inner, async (runner) => {
    for (const command of commands) await runner.run(command);
  }, options);
  return await readFile(path, "utf8");
}

test("the working directory takes part in a match unless it is said not to", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const plain = await record(path, [TOOL.cwd("/a")], {});
  assertEquals(
    await record(path, [TOOL.cwd("/a")], { matchOn: { cwd: false } }),
    plain,
  );
  const strict = await RecordReplayRunner.replay(path);
  await assertRejects(() => strict.run(TOOL.cwd("/b")), CassetteMissError);
  const lax = await RecordReplayRunner.replay(path, {
    matchOn: { cwd: false },
  });
  assertEquals(await lax.run(TOOL.cwd("/b")), "answer");
  assertEquals(await lax.run(TOOL), "answer");
});

test("a chosen variable takes part by a digest: set, removed and left alone are three things", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { matchOn: { env: ["LANG", "TZ"] } };
  const french = TOOL.env({ LANG: "fr_FR.secret", OTHER: "x" });
  const text = await record(path, [french], options);
  assert(!text.includes("fr_FR"));
  const [entry] = (await Cassette.read(path)).entries;
  assertEquals(Object.keys(entry.envDigests!), ["LANG"]);
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.run(french.env("OTHER", "y")), "answer");
  for (
    const other of [
      french.env("LANG", "de"),
      french.envRemove("LANG"),
      TOOL,
      french.env("TZ", "UTC"),
    ]
  ) {
    await assertRejects(() => replayer.run(other), CassetteMissError);
  }
  // Who does not ask for it plays it all the same.
  const plain = await RecordReplayRunner.replay(path);
  assertEquals(await plain.run(TOOL), "answer");
  // A removed variable is recorded as such.
  await record(path, [TOOL.envRemove("LANG")], options);
  const removed = (await Cassette.read(path)).entries[0];
  assertEquals({ ...removed.envDigests }, { LANG: null });
  const again = await RecordReplayRunner.replay(path, options);
  assertEquals(await again.run(TOOL.envRemove("LANG")), "answer");
  await assertRejects(() => again.run(TOOL), CassetteMissError);
});

test("a variable may have any name that one can have", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const names = ["constructor", "__proto__", "prototype", "toString"];
  const options = { matchOn: { env: names } };
  let command = TOOL;
  for (const name of names) command = command.env(name, "value");
  const text = await record(path, [command], options);
  assertEquals((await Cassette.read(path)).toString(), text);
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.run(command), "answer");
  for (const name of names) {
    await assertRejects(
      () => replayer.run(command.env(name, "other")),
      CassetteMissError,
    );
  }
});

test("equal values of two variables have two digests, and a recording that says nothing new has none", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await record(path, [TOOL.env({ A: "same", B: "same" })], {
    matchOn: { env: ["B", "A"] },
  });
  const { A, B } = (await Cassette.read(path)).entries[0].envDigests!;
  assert(A !== B);
  const text = await record(path, [TOOL.env("C", "1")], {
    matchOn: { env: ["A"] },
  });
  assert(!text.includes("env_digests"));
});

test("normalize makes the key that is stored and matched, with what varies taken out", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options: CassetteOptions = {
    normalize: (key) => ({
      ...key,
      args: key.args.map((arg) => arg.replace(/run-\d+/, "run-N")),
    }),
  };
  await record(path, [new Command("tool", ["run-17"])], options);
  const [entry] = (await Cassette.read(path)).entries;
  assertEquals(entry.args, ["run-N"]);
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.run(new Command("tool", ["run-23"])), "answer");
  await assertRejects(
    () => replayer.run(new Command("tool", ["ran-23"])),
    CassetteMissError,
  );
});

test("normalize may leave the input out of the match, and several are applied in turn", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options: CassetteOptions = {
    normalize: [
      (key) => ({ ...key, hasStdin: false, stdinDigest: null }),
      (key) => ({ ...key, program: `${key.program}!` }),
    ],
  };
  await record(path, [TOOL.stdin("one")], options);
  const [entry] = (await Cassette.read(path)).entries;
  assertEquals([entry.program, entry.hasStdin], ["tool!", false]);
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.run(TOOL.stdin("two")), "answer");
});

test("what normalize returns and is no key is a TypeError, before anything is run", async () => {
  const results: unknown[] = [
    undefined,
    "x",
    { program: "x" },
    { program: "x", args: [1], cwd: null, hasStdin: false, stdinDigest: null },
    { program: "x", args: [], cwd: null, hasStdin: false, stdinDigest: 1 },
  ];
  for (const result of results) {
    const runner = RecordReplayRunner.record("c.json", inner, {
      normalize: () => result as CassetteKey,
    });
    await assertRejects(() => runner.run(TOOL), TypeError, "normalize:");
  }
});

test("paths stores what stands for a folder, and gives the real one back", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { process } = globalThis as unknown as {
    process: { cwd(): string };
  };
  // Folders of which none is in another, wherever this is run.
  const home = "/home/nobody/of-this-name";
  using _variables = setVariables({ HOME: home, TMPDIR: "/scratch/" });
  const here = process.cwd();
  const options = { normalize: paths({ cwd: true, home: true, tmp: true }) };
  const command = sh(
    'printf "%s\\n" "$@"; pwd; pwd >&2',
    `${here}/a`,
    `-I${here}`,
    `${here}x`,
    `${here}.d/x`,
    `in ${here}.`,
    `/scratch/t ${home}/h`,
    "/var/scratch/x",
    "./scratch",
    "/scratchfile",
    "<CWD> <\\CWD> <HOME",
  ).cwd(here);
  const live = await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(command),
    options,
  );
  const [entry] = (await Cassette.read(path)).entries;
  assertEquals(entry.cwd, "<CWD>");
  assertEquals(entry.args.slice(3), [
    "<CWD>/a",
    "-I<CWD>",
    `${here}x`,
    `${here}.d/x`,
    "in <CWD>.",
    "<TMP>/t <HOME>/h",
    "/var/scratch/x",
    "./scratch",
    "/scratchfile",
    "<\\CWD> <\\\\CWD> <HOME",
  ]);
  assertEquals(entry.stderr, "<CWD>\n");
  assertStringIncludes(entry.stdout, "-I<CWD>\n");
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.outputString(command), live);
  // Without the option it is as it is in the file.
  const plain = await RecordReplayRunner.replay(path);
  await assertRejects(() => plain.run(command), CassetteMissError);
});

test("a cassette with paths plays on another machine, with that one's folders", async () => {
  await using folder = await temporaryFolder();
  await using elsewhere = await temporaryFolder();
  const path = folder.file("c.json");
  const script = (mode: string, home: string, cwd: string) => {
    const words = scriptWords(runtimeName, "tests/fixtures/portable.ts");
    return new Command(words.program, [...words.args, path, mode]).env({
      HOME: home,
      TMPDIR: "/tmp",
    }).cwd(cwd).run();
  };
  const one = await script("record", "/home/one", folder.path);
  assertEquals(one, `${folder.path} /home/one /home/one/input 5`);
  const two = await script("replay", "/srv/two", elsewhere.path);
  assertEquals(two, `${elsewhere.path} /srv/two /srv/two/input 5`);
  const text = await readFile(path, "utf8");
  assert(!text.includes("/home/one") && !text.includes(folder.path));
});

test("a folder that is the root of all files stands for nothing, and comes back as it is", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const words = scriptWords(runtimeName, "tests/fixtures/portable.ts");
  const printed = await new Command(words.program, [
    ...words.args,
    path,
    "record",
  ])
    .env({ HOME: "/", TMPDIR: "/tmp" }).cwd(folder.path).run();
  assertEquals(printed, `${folder.path} / //input 5`);
  const [entry] = (await Cassette.read(path)).entries;
  assertEquals(entry.args[2], "//input");
});

test("what stood for a folder is the root where that is the folder", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { normalize: paths({ home: true }) };
  using _ = setVariables({ HOME: "/h/me" });
  const recorder = RecordReplayRunner.record(
    path,
    new ScriptedRunner().fallback(Reply.ok("/h/me /h/me/x <HOME>\n/h/me")),
    options,
  );
  await recorder.run(TOOL);
  await recorder.save();
  using _root = setVariables({ HOME: "/" });
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.run(TOOL), "/ /x <HOME>\n/");
});

test("paths says which permission is missing, and asks for none", async () => {
  // Bun has no permissions.
  if (runtimeName !== "deno") return;
  const { program, args } = scriptWords("deno", "tests/fixtures/portable.ts", [
    `--allow-read=${ROOT}`,
  ]);
  const result = await new Command(program, [...args, "c.json", "replay"])
    .outputString();
  assertStringIncludes(result.stderr, "UnsupportedError");
  assertStringIncludes(result.stderr, "--allow-env=HOME");
});

test("options that are not what they have to be are refused where they are given", () => {
  const wrong: [unknown, string][] = [
    [{ matchOn: { env: "LANG" } }, "matchOn.env"],
    [{ matchOn: { env: ["A=B"] } }, '"="'],
    [{ matchOn: { cwd: "yes" } }, "matchOn.cwd"],
    [{ matchOn: null }, "matchOn"],
    [{ normalize: "paths" }, "normalize"],
    [{ normalize: [null] }, "normalize"],
    [{ redact: /x/ }, "redact"],
    [{ redact: null }, "redact"],
    [{ guard: "x" }, "guard"],
    [{ order: "any order" }, "order"],
    [{ repeat: "first" }, "repeat"],
    [{ order: "strict", repeat: "last" }, "plays each recording once"],
    [{ timing: 1 }, "timing"],
    [null, "a cassette's options: expected a plain object"],
    [[], "a cassette's options: expected a plain object, got an Array"],
    [{ redacted: redactPattern(/x/) }, 'unknown option "redacted"'],
    [{ mode: "replay" }, 'unknown option "mode"; known are matchOn, normalize'],
    [
      // Where options are copied, a getter of a class is left behind.
      new (class Options {
        get redact() {
          return redactPattern(/x/);
        }
      })(),
      "expected a plain object, got an Options",
    ],
    [{ matchOn: ["LANG"] }, "matchOn: expected a plain object, got an Array"],
    [{ matchOn: { environment: ["LANG"] } }, 'unknown option "environment"'],
  ];
  for (const [options, message] of wrong) {
    assertThrows(
      () =>
        RecordReplayRunner.record("c.json", inner, options as CassetteOptions),
      TypeError,
      message,
    );
  }
  for (const speed of [0, -1, NaN, "1"]) {
    assertThrows(
      () =>
        RecordReplayRunner.record("c.json", inner, {
          speed: speed as number,
        }),
      RangeError,
      "speed",
    );
  }
  const noFolders: [unknown, string][] = [
    [{}, "at least one"],
    [{ cwd: false }, "at least one"],
    [{ cwd: true, temp: true }, 'unknown option "temp"'],
    [{ cwd: "yes" }, "paths: cwd: expected true or false"],
    [null, "paths: expected a plain object, got null"],
  ];
  for (const [folders, message] of noFolders) {
    assertThrows(() => paths(folders as PathsOptions), TypeError, message);
  }
});

test("replay refuses what it has no use for", async () => {
  for (const options of [null, [], 5, { mode: "record" }, { inner }]) {
    await assertRejects(
      () => RecordReplayRunner.replay("c.json", options as CassetteOptions),
      TypeError,
      "a cassette's options: ",
    );
  }
});

test("open refuses the same, and no options at all", async () => {
  const wrong: [unknown, string][] = [
    [null, "a cassette's options: expected a plain object"],
    [undefined, "a cassette's options: expected a plain object"],
    [{ mode: "record", redacted: [] }, 'unknown option "redacted"'],
    [{ mode: "record", inner: {} }, "the inner runner"],
  ];
  for (const [options, message] of wrong) {
    const error = await failureOf(
      RecordReplayRunner.open("c.json", options as OpenOptions),
    );
    assertInstanceOf(error, TypeError);
    assertStringIncludes(error.message, message);
  }
});

test("a stdin file is matched by its path as it is in the file", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { process } = globalThis as unknown as { process: { cwd(): string } };
  const options = { normalize: paths({ cwd: true }) };
  await record(path, [
    TOOL.stdin(Stdin.fromFile(`${process.cwd()}/input.txt`)),
  ], options);
  const [entry] = (await Cassette.read(path)).entries;
  await record(path, [TOOL.stdin(Stdin.fromFile("<CWD>/input.txt"))], {});
  assertEquals(
    entry.stdinDigest,
    (await Cassette.read(path)).entries[0].stdinDigest,
  );
});

test("an error of normalize or redact is the caller's own", async () => {
  const runner = RecordReplayRunner.record("c.json", inner, {
    redact: () => {
      throw new Error("of the caller's");
    },
  });
  const error = await failureOf(runner.run(TOOL));
  assertInstanceOf(error, Error);
  assertEquals(error.message, "of the caller's");
});

test("a live process whose output redact cannot deal with is not left out without a word", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const runner = RecordReplayRunner.record(path, inner, {
    redact: (field, text) => {
      if (field === "stdout") throw new Error("of the caller's");
      return text;
    },
  });
  // Whoever runs a verb is told by that.
  await failureOf(runner.outputString(TOOL));
  await runner.save();
  assertEquals((await Cassette.read(path)).entries, []);
  {
    // Nobody waits for the end of this one, who could be.
    await using process = await runner.start(TOOL);
    for await (const _ of process.stdoutLines());
  }
  for (let turn = 0; turn < 2; turn++) {
    const error = await failureOf(runner.save());
    assertInstanceOf(error, Error);
    assertEquals(error.message, "of the caller's");
  }
  runner.discard();
  await runner.save();
});
