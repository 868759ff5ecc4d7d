import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import {
  Cassette,
  type CassetteEntry,
  CassetteError,
  type CassetteOptions,
  Command,
  type Guard,
  JobRunner,
  paths,
  RecordReplayRunner,
  redactEnv,
  type RedactFunction,
  redactPattern,
  Reply,
  ScriptedRunner,
  Stdin,
  UnsupportedError,
} from "../../mod.ts";
import { collect, failureOf, sh } from "../commands.ts";
import {
  runtimeName,
  setVariables,
  temporaryFolder,
  test,
} from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const SECRET = "hunter2-hunter2";

async function refusal(promise: Promise<unknown>): Promise<CassetteError> {
  const error = await failureOf(promise);
  assertInstanceOf(error, CassetteError);
  assertEquals(error.reason, "refused");
  assert(!`${error.stack}${error.cause}`.includes(SECRET), error.message);
  return error;
}

test("a variable's value is nowhere in the file, and the replaying command's own comes back", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { redact: redactEnv(["API_TOKEN"]) };
  const echo = (token: string) =>
    sh(
      'printf "%s %s %s" "$1" "$API_TOKEN" "<env:API_TOKEN>$(cat)"; printf "%s" "x${API_TOKEN}x" >&2',
      `--token=${token}`,
      "<env:API_TOKEN> <\\env:API_TOKEN>",
    ).env("API_TOKEN", token).stdin(`in: ${token}`);
  const live = await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(echo(SECRET)),
    options,
  );
  assertStringIncludes(live.stdout, SECRET);
  const text = await readFile(path, "utf8");
  assert(!text.includes(SECRET));
  assert(!text.includes("hunter2"));
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.outputString(echo(SECRET)), live);
  // Whoever has another token plays it too, the digest of the input included.
  const other = await replayer.outputString(echo("another-token"));
  assertEquals(other.stdout, live.stdout.replaceAll(SECRET, "another-token"));
  assertEquals(other.stderr, "xanother-tokenx");
});

test("a value that is part of another, and one with signs of a pattern in it, come back as they were", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { redact: redactEnv(["SHORT", "LONG", "ODD"]) };
  const command = sh('printf "%s" "$SHORT$LONG $ODD $LONG$SHORT"').env({
    SHORT: "abcd",
    LONG: "abcdefgh",
    ODD: "a.c$&(\\)[x]$1",
  });
  const live = await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(command),
    options,
  );
  const [entry] = (await Cassette.read(path)).entries;
  assertEquals(
    entry.stdout,
    "<env:SHORT><env:LONG> <env:ODD> <env:LONG><env:SHORT>",
  );
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.outputString(command), live);
});

test("a value that a command inherits is in the file as little, and every machine replays the same", async () => {
  const plain = sh('echo "token=$API_TOKEN"; echo "$API_TOKEN" >&2');
  const options = { redact: redactEnv(["API_TOKEN"]) };
  for (const command of [plain, plain.inheritEnv(["API_TOKEN", "PATH"])]) {
    await using folder = await temporaryFolder();
    const path = folder.file("c.json");
    using _ = setVariables({ API_TOKEN: SECRET });
    const live = await RecordReplayRunner.recording(
      path,
      new JobRunner(),
      async (runner) => {
        await using process = await runner.start(command.arg("live"));
        await process.finish();
        await runner.outputBytes(command.arg("bytes"));
        return await runner.run(command);
      },
      options,
    );
    assertEquals(live, `token=${SECRET}`);
    assert(!(await readFile(path, "utf8")).includes("hunter2"));
    const replayer = await RecordReplayRunner.replay(path, options);
    for (
      const value of [SECRET, "another-token", "live", "abc", "", undefined]
    ) {
      using _ = setVariables({ API_TOKEN: value });
      for (
        const asked of [command, command.arg("live"), command.arg("bytes")]
      ) {
        const { stdout, stderr } = await replayer.outputString(asked);
        assertEquals(
          [stdout, stderr],
          ["token=<env:API_TOKEN>\n", "<env:API_TOKEN>\n"],
        );
      }
    }
    const report = await replayer.check(new JobRunner());
    assertEquals([report.unchanged, report.skipped.length], [3, 0]);
  }
});

test("a value that is inherited and is in the words of the command is refused, since no other machine has it", async () => {
  using _ = setVariables({ API_TOKEN: SECRET, TMPDIR: "/scratch" });
  // What hides a part of it does not hide the rest.
  const recorder = RecordReplayRunner.record("c.json", new JobRunner(), {
    redact: [
      redactEnv(["API_TOKEN", "LOGIN", "PASSWORD"]),
      redactPattern(/er2-/),
    ],
    normalize: paths({ tmp: true }),
  });
  const command = sh("echo $1 $2", "x", `--token=${SECRET}`);
  for (
    const [asked, place] of [
      [command, "args[4]"],
      [sh("echo").cwd(`/${SECRET}`), "the working directory"],
      [new Command(`/bin/${SECRET}`), "the program"],
      [command.env("LOGIN", "hunter2"), "args[4]"],
      [sh("cat").stdin(`in ${SECRET}`), "its input"],
      [
        sh("cat").stdin(Stdin.fromFile(`/${SECRET}/x`)),
        "the stdin file's path",
      ],
    ] as const
  ) {
    const error = await failureOf(recorder.run(asked));
    assertInstanceOf(error, UnsupportedError);
    assertStringIncludes(error.message, `which it inherits, in ${place} is`);
    assert(!`${error.stack}`.includes(SECRET));
  }
  // Where the command sets it as well, or a variable that has it in its value, every
  // machine knows it.
  for (
    const asked of [
      command.env("API_TOKEN", SECRET),
      command.env("LOGIN", `token=${SECRET}`),
    ]
  ) assertEquals(await recorder.run(asked), `x --token=${SECRET}`);
  // Two values together hide a third, however often they do.
  const both = sh("cat", "x", `a${SECRET}z`).stdin(
    `a${SECRET}z\n`.repeat(20_000),
  );
  assert(
    (await recorder.run(
      both.env({
        LOGIN: `a${SECRET.slice(0, 8)}`,
        PASSWORD: `${SECRET.slice(8)}z`,
      }),
    )).startsWith(`a${SECRET}z`),
  );
  // What stands in for something is not the command's word.
  using _stand = setVariables({ API_TOKEN: "TMP>" });
  assertEquals(await recorder.run(sh("echo $1", "/scratch")), "/scratch");
  recorder.discard();
});

test("of two variables with one value the one that the command sets comes back", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { redact: redactEnv(["A_TOKEN", "B_TOKEN"]) };
  using _ = setVariables({ A_TOKEN: SECRET });
  const command = sh('echo "$B_TOKEN"');
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.run(command.env("B_TOKEN", SECRET)),
    options,
  );
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(
    await replayer.run(command.env("B_TOKEN", "another-token")),
    "another-token",
  );
});

test("a check that fails tells nothing that is redacted", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { redact: redactEnv(["TOKEN"]) };
  const home = folder.file(SECRET);
  await mkdir(home);
  const command = sh("echo").cwd(home).env("TOKEN", SECRET);
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.run(command),
    options,
  );
  const replayer = await RecordReplayRunner.replay(path, options);
  await replayer.run(command);
  await rm(home, { recursive: true });
  const report = String(await replayer.check(new JobRunner()));
  assertStringIncludes(report, "now: SpawnError");
  assertStringIncludes(report, "<env:TOKEN>");
  assert(!report.includes("hunter2"), report);
});

test("a command that is without the variable has nothing hidden in what it prints", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { redact: redactEnv(["API_TOKEN"]) };
  const command = sh(`echo ${SECRET}`);
  // What the machine has is of no matter to them, be it short.
  for (const value of [SECRET, "abc"]) {
    using _ = setVariables({ API_TOKEN: value });
    await RecordReplayRunner.recording(
      path,
      new JobRunner(),
      async (runner) => {
        await runner.run(command.envRemove("API_TOKEN"));
        await runner.run(command.inheritEnv(["PATH"]));
        await runner.run(command.env("API_TOKEN", "another-token"));
      },
      options,
    );
    const { entries } = await Cassette.read(path);
    assertEquals(entries.map(({ stdout }) => stdout), [
      ...[`${SECRET}\n`, `${SECRET}\n`, `${SECRET}\n`],
    ]);
  }
});

test("a short value that a command inherits is refused before it is run for real, and not checked", async () => {
  await using folder = await temporaryFolder();
  const options = { redact: redactEnv(["API_TOKEN"]) };
  const path = folder.file("c.json");
  const recorder = RecordReplayRunner.record(path, new JobRunner(), options);
  const ran = folder.file("ran");
  const command = sh('echo x >> "$1"', ran);
  using _ = setVariables({ API_TOKEN: "abc" });
  for (
    const run of [
      () => recorder.run(command),
      () => recorder.outputBytes(command),
      () => recorder.start(command),
    ]
  ) {
    const error = await failureOf(run());
    assertInstanceOf(error, RangeError);
    assertStringIncludes(error.message, "API_TOKEN is only 3 characters long");
  }
  {
    // Nothing can be found of what is empty.
    using _ = setVariables({ API_TOKEN: "" });
    await recorder.run(command);
    await recorder.save();
  }
  const replayer = await RecordReplayRunner.replay(path, options);
  const { skipped } = await replayer.check(new JobRunner());
  assertStringIncludes(
    skipped[0].reason,
    "API_TOKEN is only 3 characters long",
  );
  assertEquals(await readFile(ran, "utf8"), "x\n");
});

test("a value that is no UTF-8 is not recorded, nor told, and is not needed to replay", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/redacted.ts",
  );
  // The variable of the program itself is to be none that text can tell.
  const record = [...args, path, "record"];
  // A variable that no text can tell.
  const run = (mode: string) =>
    sh(
      "API_TOKEN=$(printf 'p\\351ss-hunter2') exec \"$@\"",
      ...[program, ...args, path, mode],
    ).outputString();
  const refused = await run("record");
  assertStringIncludes(refused.stderr, "UnsupportedError");
  assert(!refused.stderr.includes("hunter2"), refused.stderr);
  assertEquals(await readdir(folder.path), []);
  using _ = setVariables({ API_TOKEN: SECRET });
  await new Command(program, record).run();
  assertEquals((await run("replay")).stdout, "token=<env:API_TOKEN>\n");
});

test("a value that may not be read is not recorded, and is not needed to replay", async () => {
  // Bun has no permissions.
  if (runtimeName !== "deno") return;
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const run = (permissions: string[], ...words: string[]) => {
    const { program, args } = scriptWords(
      "deno",
      "tests/fixtures/redacted.ts",
      permissions,
    );
    return new Command(program, [...args, path, ...words])
      .env("API_TOKEN", SECRET).outputString();
  };
  const record = [
    ...["--allow-run", `--allow-read=${folder.path}`],
    `--allow-write=${folder.path}`,
  ];
  const refused = await run(record, "record");
  assertStringIncludes(refused.stderr, "UnsupportedError");
  assertStringIncludes(refused.stderr, "--allow-env=API_TOKEN");
  assertEquals(await readdir(folder.path), []);
  const live = await run([...record, "--allow-env=API_TOKEN"], "record");
  assertEquals(live.stdout, `token=${SECRET}\n`);
  assert(!(await readFile(path, "utf8")).includes("hunter2"));
  const replayed = await run([`--allow-read=${path}`], "replay");
  assertEquals(replayed.stdout, "token=<env:API_TOKEN>\n");
  // What may not be read is skipped by a check, and is in no report.
  const checked = await run(["--allow-run", `--allow-read=${path}`], "check");
  assertStringIncludes(checked.stdout, "0 changed, 1 skipped");
  assert(!checked.stdout.includes("hunter2"), checked.stdout);
  // Where the command sets it, the machine's own is not asked for.
  const own = await run(record, "record-own");
  assertEquals(own.stdout, "token=own-value\n", own.stderr);
});

test("an empty or very short value is refused before anything is run, in record and in replay", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { redact: redactEnv(["TOKEN"]) };
  const tool = new Command("tool");
  const script = new ScriptedRunner().fallback(Reply.ok(SECRET));
  await RecordReplayRunner.recording(
    path,
    script,
    (runner) => runner.run(tool.env("TOKEN", SECRET)),
    options,
  );
  const runners = [
    RecordReplayRunner.record(path, script, options),
    await RecordReplayRunner.replay(path, options),
  ];
  for (const runner of runners) {
    for (const value of ["", "a", "abc"]) {
      const error = await failureOf(runner.run(tool.env("TOKEN", value)));
      assertInstanceOf(error, RangeError);
      assertStringIncludes(error.message, "TOKEN");
      assertStringIncludes(
        error.message,
        value === "" ? "empty" : "characters",
      );
    }
    assertEquals(
      await runner.run(tool.env("TOKEN", "abcd")),
      runner.mode === "record" ? SECRET : "abcd",
    );
  }
  // Who does not set it gets what stands for it: there is nothing to put back.
  assertEquals(await runners[1].run(tool), "<env:TOKEN>");
  assertEquals(await runners[1].run(tool.envRemove("TOKEN")), "<env:TOKEN>");
});

test("nothing of two values stays that share a part, nor of one that begins within a folder", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { process } = globalThis as unknown as { process: { cwd(): string } };
  const here = process.cwd();
  const options = {
    redact: redactEnv(["A", "B", "C", "D"]),
    normalize: paths({ cwd: true }),
  };
  const command = sh('printf %s "$1"', "").env({
    A: "user:passw0rd",
    B: "passw0rd-tail",
    C: `${here.slice(1)}/hunter2`,
    D: "xyxy",
  });
  const texts: [string, string][] = [
    ["user:passw0rd-tail", "<env:A><env:B\\8>"],
    [`in ${here}/hunter2`, "in /<env:C>"],
    ["xyxyxy xyxy", "<env:D><env:D\\2> <env:D>"],
    ["<env:B\\8> <\\env:B\\8>", "<\\env:B\\8> <\\\\env:B\\8>"],
    [`${here}/x passw0rd-tail`, "<CWD>/x <env:B>"],
  ];
  for (const [text, kept] of texts) {
    const echo = (words: string) =>
      sh('printf %s "$1"', words).env(
        Object.fromEntries(command.invocation.envs) as Record<string, string>,
      );
    const live = await RecordReplayRunner.recording(
      path,
      new JobRunner(),
      (runner) => runner.outputString(echo(text)),
      options,
    );
    assertEquals(live.stdout, text);
    const [entry] = (await Cassette.read(path)).entries;
    assertEquals([entry.stdout, entry.args.at(-1)], [kept, kept]);
    const replayer = await RecordReplayRunner.replay(path, options);
    assertEquals(await replayer.outputString(echo(text)), live);
  }
});

test("a value with half a character in it is found as the program sees it", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const odd = "\ud800s3cretvalue";
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.run(sh('echo "$T" "$1"', odd).env("T", odd)),
    { redact: redactEnv(["T"]) },
  );
  assert(!(await readFile(path, "utf8")).includes("s3cret"));
});

test("redactEnv wants names of variables", () => {
  for (const names of [[], ["A=B"], [""], ["A<B"], ["A\\B"], "TOKEN"]) {
    assertThrows(() => redactEnv(names), TypeError);
  }
  for (const names of [5, null, undefined, {}]) {
    assertThrows(
      () => redactEnv(names as unknown as string[]),
      TypeError,
      "redactEnv: expected an array of names, got",
    );
  }
});

test("a pattern is replaced everywhere, in the file and in the live key", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { redact: redactPattern(/\bid-\d+/, "id-$&") };
  const command = (id: number) => sh('echo "$1 $1"; echo "$1" >&2', `id-${id}`);
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.run(command(17)),
    options,
  );
  assert(!(await readFile(path, "utf8")).includes("17"));
  const replayer = await RecordReplayRunner.replay(path, options);
  const result = await replayer.outputString(command(99));
  assertEquals([result.stdout, result.stderr], ["id-$& id-$&\n", "id-$&\n"]);
});

test("a pattern's own state and flags do not matter, and one that matches nothing at all is refused", () => {
  for (const pattern of [/a/, /a/g, /a/y, /a/gy]) {
    pattern.lastIndex = 1;
    assertEquals(redactPattern(pattern, "-")("stdout", "aba"), "-b-");
    assertEquals(pattern.lastIndex, 1);
  }
  assertEquals(redactPattern(/A/i)("args", "xa"), "x<redacted>");
  assertThrows(() => redactPattern(/a*/), TypeError, "empty text");
  // What comes after something may be empty.
  assertEquals(
    redactPattern(/(?<=key=).*/)("stdout", "key=\n"),
    "key=<redacted>\n",
  );
  assertThrows(
    () => redactPattern("a" as unknown as RegExp),
    TypeError,
    "RegExp",
  );
  assertThrows(
    () => redactPattern(/a/, (() => "b") as unknown as string),
    TypeError,
    "expected a string in its place, got function",
  );
});

test("functions see every text with its field, after values of variables have gone, each in turn", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const seen: string[] = [];
  const spy: RedactFunction = (field, text) => {
    seen.push(`${field}: ${text}`);
    return text;
  };
  const command = new Command("tool", ["one", SECRET]).cwd("/dir").stdin("in")
    .env("TOKEN", SECRET);
  const script = new ScriptedRunner().fallback(
    Reply.ok(`out ${SECRET}`).withStderr("err"),
  );
  const options: CassetteOptions = {
    redact: [
      spy,
      redactEnv(["TOKEN"]),
      (_field, text) => text.replace("one", "two"),
      (_field, text) => text.replace("two", "three"),
    ],
  };
  await RecordReplayRunner.recording(
    path,
    script,
    (runner) => runner.run(command),
    options,
  );
  assertEquals(seen, [
    "program: tool",
    "args: one",
    "args: <env:TOKEN>",
    "cwd: /dir",
    "stdin: in",
    "stdout: out <env:TOKEN>",
    "stderr: err",
  ]);
  const [entry] = (await Cassette.read(path)).entries;
  assertEquals(entry.args, ["three", "<env:TOKEN>"]);
  const replayer = await RecordReplayRunner.replay(path, options);
  assertEquals(await replayer.run(command), `out ${SECRET}`);
  const wrong = RecordReplayRunner.record(path, script, {
    redact: (() => undefined) as unknown as RedactFunction,
  });
  await assertRejects(() => wrong.run(command), TypeError, "redact:");
});

test("an input that is changed by redact has the digest of what it became", async () => {
  await using folder = await temporaryFolder();
  const digestOf = async (input: string | Uint8Array, options = {}) => {
    const path = folder.file("c.json");
    await RecordReplayRunner.recording(
      path,
      new ScriptedRunner().fallback(Reply.ok()),
      (runner) => runner.run(new Command("tool").stdin(input)),
      options,
    );
    return (await Cassette.read(path)).entries[0].stdinDigest;
  };
  const redact = { redact: redactPattern(/\d+/, "N") };
  assertEquals(await digestOf("id 17", redact), await digestOf("id N"));
  assertNotEquals(await digestOf("id 17"), await digestOf("id N"));
  const binary = Uint8Array.of(255, 49, 55, 254);
  assertEquals(
    await digestOf(binary, redact),
    await digestOf(Uint8Array.of(255, 78, 254)),
  );
});

test("a guard sees every entry as it would be kept, and what it refuses is not saved", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await writeFile(path, "old");
  const seen: CassetteEntry[] = [];
  const guard: Guard = (entry) => {
    seen.push(entry);
    return entry.stdout.includes(SECRET)
      ? { field: "stdout", reason: "it has what must not be read" }
      : null;
  };
  const runner = RecordReplayRunner.record(path, new JobRunner(), {
    guard,
    redact: redactEnv(["TOKEN"]),
  });
  const echo = sh('printf %s "$TOKEN"');
  await runner.run(echo.env("TOKEN", "other-token"));
  assertEquals(
    await runner.run(sh('printf %s "$1"', SECRET)),
    SECRET,
  );
  const error = await refusal(runner.save());
  assertStringIncludes(error.message, "entries[1] (sh), stdout");
  assertStringIncludes(error.message, "it has what must not be read");
  assertEquals(seen[0].stdout, "<env:TOKEN>");
  // It stays refused until it is forgotten, also for who saves by the way.
  await refusal(runner.save());
  await runner[Symbol.asyncDispose]();
  assertEquals(await readFile(path, "utf8"), "old");
  assertEquals(await readdir(folder.path), ["c.json"]);
  runner.discard();
  await runner.run(sh("echo fine"));
  await runner.save();
  assertEquals(
    (await Cassette.read(path)).entries.map(({ stdout }) => stdout),
    ["fine\n"],
  );
});

test("guards may take their time, and entries stay in their order", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const guard: Guard = (entry) =>
    new Promise((resolve) =>
      setTimeout(resolve, entry.args[0] === "first" ? 50 : 0)
    );
  const script = new ScriptedRunner().fallback(Reply.ok());
  const runner = RecordReplayRunner.record(path, script, {
    guard: [guard, async () => await Promise.resolve(null)],
  });
  await runner.run(new Command("tool", ["first"]));
  await runner.run(new Command("tool", ["second"]));
  await runner.save();
  assertEquals(
    (await Cassette.read(path)).entries.map(({ args }) => args[0]),
    ["first", "second"],
  );
  await runner.run(new Command("tool", ["first"]));
  await runner[Symbol.asyncDispose]();
  assertEquals((await Cassette.read(path)).entries.length, 3);
  await runner.run(new Command("tool", ["first"]));
  runner.discard();
  await runner.save();
  assertEquals((await Cassette.read(path)).entries.length, 3);
});

test("what is on its way into the file while it is looked at is not discarded", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const guard: Guard = () => new Promise((resolve) => setTimeout(resolve, 10));
  const runner = RecordReplayRunner.record(
    path,
    new ScriptedRunner().fallback(Reply.ok()),
    { guard },
  );
  await runner.run(new Command("tool", ["kept"]));
  const saved = runner.save();
  await runner.run(new Command("tool", ["late"]));
  runner.discard();
  await saved;
  await runner[Symbol.asyncDispose]();
  assertEquals(
    (await Cassette.read(path)).entries.map(({ args }) => args[0]),
    ["kept"],
  );
});

test("a discard forgets what was refused before it, and nothing that comes after", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  let gate = Promise.withResolvers<void>();
  const runner = RecordReplayRunner.record(
    path,
    new ScriptedRunner().fallback(Reply.ok("x")),
    {
      guard: async ({ args: [word] }) => {
        await gate.promise;
        if (word === "bad") return { field: "args", reason: "no bad ones" };
      },
      redact: (field, text) => {
        if (field === "stdout" && isBroken) throw new Error("of the caller's");
        return text;
      },
    },
  );
  let isBroken = false;
  const run = (word: string) => runner.run(new Command("tool", [word]));
  const breakOne = async () => {
    isBroken = true;
    await using process = await runner.start(new Command("tool", ["broken"]));
    await collect(process.stdoutLines());
    isBroken = false;
  };
  const failsByBroken = async () => {
    const error = await failureOf(runner.save());
    assertEquals((error as Error).message, "of the caller's");
  };
  // One that is still looked at when it is discarded takes no other one with it.
  await run("bad");
  runner.discard();
  await breakOne();
  gate.resolve();
  await failsByBroken();
  runner.discard();
  // A save that is under way still fails by what it had; the next one does not.
  gate = Promise.withResolvers();
  await run("bad");
  const failing = failureOf(runner.save());
  runner.discard();
  await breakOne();
  gate.resolve();
  await failing;
  await failsByBroken();
  runner.discard();
  await run("good");
  await runner.save();
  assertEquals(
    (await Cassette.read(path)).entries.map(({ args }) => args[0]),
    ["good"],
  );
});

test("a live process, and a run that is added to a file, are guarded too", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await new Cassette().write(path);
  const guard: Guard = ({ stderr }) =>
    stderr === "" ? null : { field: "stderr", reason: "no stderr here" };
  const runner = await RecordReplayRunner.open(path, {
    mode: "new-episodes",
    inner: new JobRunner(),
    guard,
  });
  await using process = await runner.start(sh(`echo ${SECRET} >&2`));
  await process.finish();
  const error = await refusal(runner.save());
  assertStringIncludes(error.message, "entries[0] (sh), stderr");
});

test("what a guard throws rejects the save as it is, and what it returns has to be a refusal", async () => {
  await using folder = await temporaryFolder();
  const script = new ScriptedRunner().fallback(Reply.ok());
  const mistake = new Error("a mistake of the guard's");
  const guards: [Guard, unknown][] = [
    [() => {
      throw mistake;
    }, mistake],
    [() => Promise.reject(mistake), mistake],
    [(() => true) as unknown as Guard, null],
  ];
  for (const [guard, expected] of guards) {
    const runner = RecordReplayRunner.record(folder.file("c.json"), script, {
      guard,
    });
    await runner.run(new Command("tool"));
    const error = await failureOf(runner.save());
    if (expected === null) assertInstanceOf(error, TypeError);
    else assertEquals(error, expected);
  }
  assertEquals(await readdir(folder.path), []);
});

test("recording with a guard writes nothing when it refuses", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await refusal(RecordReplayRunner.recording(
    path,
    new ScriptedRunner().fallback(Reply.ok(SECRET)),
    (runner) => runner.run(new Command("tool")),
    { guard: () => ({ field: "stdout", reason: "never" }) },
  ));
  assertEquals(await readdir(folder.path), []);
});
