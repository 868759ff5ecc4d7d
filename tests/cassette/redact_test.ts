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

test("redactEnv keeps the value of a variable out of the file, and a replay restores the value of its own command", async () => {
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
  // A command with another token matches too, although its stdin differs.
  const other = await replayer.outputString(echo("another-token"));
  assertEquals(other.stdout, live.stdout.replaceAll(SECRET, "another-token"));
  assertEquals(other.stderr, "xanother-tokenx");
});

test("redactEnv restores a value that is part of another one, and a value with special characters of a pattern", async () => {
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

test("redactEnv keeps an inherited value out of the file, and every replay returns the placeholder", async () => {
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

test("recording a command whose words contain an inherited value is refused: another machine lacks the value", async () => {
  using _ = setVariables({ API_TOKEN: SECRET, TMPDIR: "/scratch" });
  // The pattern replaces a part of the value, which does not hide the rest.
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
      [sh("cat").stdin(`in ${SECRET}`), "stdin"],
      [
        sh("cat").stdin(Stdin.fromFile(`/${SECRET}/x`)),
        "the path of the stdin file",
      ],
    ] as const
  ) {
    const error = await failureOf(recorder.run(asked));
    assertInstanceOf(error, UnsupportedError);
    assertStringIncludes(
      error.message,
      `the inherited value of API_TOKEN in ${place} is not supported: set it`,
    );
    assert(!`${error.stack}`.includes(SECRET));
  }
  // If the command sets the variable too, or sets a variable that contains the value,
  // every machine has the value.
  for (
    const asked of [
      command.env("API_TOKEN", SECRET),
      command.env("LOGIN", `token=${SECRET}`),
    ]
  ) assertEquals(await recorder.run(asked), `x --token=${SECRET}`);
  // Two set values together cover an inherited one, here 20,000 times.
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
  // A placeholder that contains the value is not a word of the command.
  using _stand = setVariables({ API_TOKEN: "TMP>" });
  assertEquals(await recorder.run(sh("echo $1", "/scratch")), "/scratch");
  recorder.discard();
});

test("of two variables with the same value, redactEnv restores the one that the command sets", async () => {
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

test("the report of a failed check contains no redacted value", async () => {
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

test("redactEnv does not change the output of a command that does not have the variable", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const options = { redact: redactEnv(["API_TOKEN"]) };
  const command = sh(`echo ${SECRET}`);
  // The value of this process does not matter to these commands, even if it is short.
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

test("recording a command that inherits a very short value is refused before it runs, and check skips it", async () => {
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
    // An empty value is in no text.
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

test("an inherited value that is not UTF-8 is refused when recording, and is not needed for a replay", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/redacted.ts",
  );
  const record = [...args, path, "record"];
  // No JavaScript string holds this value, so a shell sets it.
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

test("an inherited value without permission to read it is refused when recording, and is not needed for a replay", async () => {
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
  // A check skips the entry, and its report does not contain the value.
  const checked = await run(["--allow-run", `--allow-read=${path}`], "check");
  assertStringIncludes(checked.stdout, "0 changed, 1 skipped");
  assert(!checked.stdout.includes("hunter2"), checked.stdout);
  // If the command sets the variable, the value of this process is not read.
  const own = await run(record, "record-own");
  assertEquals(own.stdout, "token=own-value\n", own.stderr);
});

test("an empty or very short value is refused before the command runs, when recording and when replaying", async () => {
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
  // A command that does not set the variable gets the placeholder.
  assertEquals(await runners[1].run(tool), "<env:TOKEN>");
  assertEquals(await runners[1].run(tool.envRemove("TOKEN")), "<env:TOKEN>");
});

test("redactEnv removes both of two overlapping values, and a value that overlaps a folder", async () => {
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

test("redactEnv finds a value with a lone surrogate in the form that the program receives", async () => {
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

test("redactEnv refuses anything but names of variables", () => {
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

test("redactPattern replaces every match in the file and in the replayed command", async () => {
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

test("redactPattern ignores lastIndex and the flags g and y, and refuses a pattern that matches empty text", () => {
  for (const pattern of [/a/, /a/g, /a/y, /a/gy]) {
    pattern.lastIndex = 1;
    assertEquals(redactPattern(pattern, "-")("stdout", "aba"), "-b-");
    assertEquals(pattern.lastIndex, 1);
  }
  assertEquals(redactPattern(/A/i)("args", "xa"), "x<redacted>");
  assertThrows(
    () => redactPattern(/a*/),
    TypeError,
    "matches the empty string",
  );
  // A match that is only empty in some places is allowed.
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
    "expected a string as the replacement, got function",
  );
});

test("redact functions get every text with its field, in order, after redactEnv has replaced values", async () => {
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

test("the digest of stdin is that of the redacted stdin", async () => {
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

test("a guard gets every entry as it would be saved, and an entry that it refuses is not saved", async () => {
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
  // Every save fails until the entry is discarded. Disposal does not throw, and saves nothing.
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

test("slow guards do not change the order of the entries", async () => {
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

test("a discard keeps a run that a guard is checking for a pending save", async () => {
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

test("a discard drops the runs refused before it, and no later run", async () => {
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
        if (field === "stdout" && isBroken) throw new Error("of redact");
        return text;
      },
    },
  );
  let isBroken = false;
  const run = (word: string) => runner.run(new Command("tool", [word]));
  const breakOne = async () => {
    isBroken = true;
    {
      // The run completes at the latest when the process is disposed of.
      await using process = await runner.start(new Command("tool", ["broken"]));
      await collect(process.stdoutLines());
    }
    isBroken = false;
  };
  const failsByBroken = async () => {
    const error = await failureOf(runner.save());
    assertEquals((error as Error).message, "of redact");
  };
  // Discarding a run that a guard is still checking does not drop another one.
  await run("bad");
  runner.discard();
  await breakOne();
  gate.resolve();
  await failsByBroken();
  runner.discard();
  // A pending save still fails because of the discarded run, and the next one does not.
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

test("guards check live processes and runs that are added to a file", async () => {
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

test("an error of a guard is thrown by save unchanged, and an invalid result is a TypeError", async () => {
  await using folder = await temporaryFolder();
  const script = new ScriptedRunner().fallback(Reply.ok());
  const mistake = new Error("a mistake in the guard");
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

test("recording writes nothing if a guard refuses an entry", async () => {
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
