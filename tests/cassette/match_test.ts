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

test("the working directory is part of the match, unless matchOn.cwd is false", async () => {
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

test("a variable in matchOn.env is matched by a digest, and set, removed and inherited are different", async () => {
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
  // Without matchOn the digest is ignored.
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

test("a variable in matchOn.env may have the name of a property of every object", async () => {
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

test("equal values of two variables have different digests, and a command without the variables has none", async () => {
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

test("normalize changes the key that is stored and matched", async () => {
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

test("normalize may remove stdin from the match, and several functions are applied in order", async () => {
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

test("an invalid key from normalize is a TypeError, and the command does not run", async () => {
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

test("paths stores placeholders for folders, and a replay restores the folders", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { process } = globalThis as unknown as {
    process: { cwd(): string };
  };
  // None of these folders is in another one, wherever the test runs.
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
  // Without the option, the placeholders are compared as they are in the file.
  const plain = await RecordReplayRunner.replay(path);
  await assertRejects(() => plain.run(command), CassetteMissError);
});

test("a cassette with paths is replayed on another machine, with the folders of that machine", async () => {
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

test("a folder that is the root has no placeholder", async () => {
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

test("a placeholder is restored to the root if the folder is the root", async () => {
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

test("paths names the missing permission, and does not prompt for it", async () => {
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

test("invalid options are refused when they are given", () => {
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
      // A copy of the options would lack a getter of a class.
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

test("replay refuses the options mode and inner, and options that are not an object", async () => {
  for (const options of [null, [], 5, { mode: "record" }, { inner }]) {
    await assertRejects(
      () => RecordReplayRunner.replay("c.json", options as CassetteOptions),
      TypeError,
      "a cassette's options: ",
    );
  }
});

test("open refuses missing and invalid options", async () => {
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

test("a stdin file is matched by its path with placeholders", async () => {
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

test("an error of redact is thrown unchanged", async () => {
  const runner = RecordReplayRunner.record("c.json", inner, {
    redact: () => {
      throw new Error("of redact");
    },
  });
  const error = await failureOf(runner.run(TOOL));
  assertInstanceOf(error, Error);
  assertEquals(error.message, "of redact");
});

test("an error of redact for a live process is thrown by save, until it is discarded", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const runner = RecordReplayRunner.record(path, inner, {
    redact: (field, text) => {
      if (field === "stdout") throw new Error("of redact");
      return text;
    },
  });
  // The verb throws the error, so save does not.
  await failureOf(runner.outputString(TOOL));
  await runner.save();
  assertEquals((await Cassette.read(path)).entries, []);
  {
    // No caller waits for the end of this process, so no call can throw the error.
    await using process = await runner.start(TOOL);
    for await (const _ of process.stdoutLines());
  }
  for (let turn = 0; turn < 2; turn++) {
    const error = await failureOf(runner.save());
    assertInstanceOf(error, Error);
    assertEquals(error.message, "of redact");
  }
  runner.discard();
  await runner.save();
});
