import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import {
  Cassette,
  CassetteError,
  CassetteMissError,
  Command,
  Reply,
  ScriptedRunner,
  type TestIdentity,
  withCassette,
  type WithCassetteOptions,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import {
  runtimeName,
  setVariables,
  temporaryFolder,
  test,
} from "../harness.ts";
import { PROGRAMS, ROOT } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  join,
  toFileUrl,
} from "../std.ts";

const TOOL = new Command("tool");

/** Runs `action` with these variables (`undefined` removes one), then restores them. */
async function withVariables<T>(
  variables: Record<string, string | undefined>,
  action: () => Promise<T>,
): Promise<T> {
  using _ = setVariables(variables);
  return await action();
}

const NO_VARIABLES = { CI: undefined, PROCESSKIT_CASSETTES: undefined };

/** The identity of a test in the file `some_test.ts` of a folder. */
function testIn(folder: string, name = "a test"): TestIdentity {
  return { name, origin: toFileUrl(join(folder, "some_test.ts")).href };
}

function answering(text: string): ScriptedRunner {
  return new ScriptedRunner().fallback(Reply.ok(text));
}

test("withCassette records a test into its own file the first time, and replays it from then on", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const own = testIn(folder.path, "first, of all");
    const run = (inner: ScriptedRunner) =>
      withCassette(own, { inner }, async (runner) => [
        runner.mode,
        await runner.run(TOOL),
      ]);
    assertEquals(await run(answering("1")), ["record", "1"]);
    const path = folder.file("__cassettes__/some_test.ts/first, of all.json");
    assertEquals((await Cassette.read(path)).entries.length, 1);
    assertEquals(await run(answering("2")), ["replay", "1"]);
    assertEquals(await readdir(folder.path), ["__cassettes__"]);
  });
});

test("without options, withCassette runs real programs", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    for (const mode of ["record", "replay"]) {
      const printed = await withCassette(testIn(folder.path), (runner) => {
        assertEquals(runner.mode, mode);
        return runner.run(sh("echo real"));
      });
      assertEquals(printed, "real");
    }
  });
});

test("the mode is taken from the option, then PROCESSKIT_CASSETTES, then CI, and is auto otherwise", async () => {
  await using folder = await temporaryFolder();
  const inner = answering("x");
  const own = testIn(folder.path);
  const modeWith = (
    variables: Record<string, string | undefined>,
    options: WithCassetteOptions<ScriptedRunner> = {},
  ) =>
    withVariables(
      { ...NO_VARIABLES, ...variables },
      () =>
        withCassette(own, { inner, ...options }, async (runner) => {
          await runner.run(TOOL);
          return runner.mode;
        }),
    );
  const missing = await failureOf(modeWith({ CI: "true" }));
  assertInstanceOf(missing, CassetteError);
  assertEquals(missing.reason, "not-found");
  assertEquals(await modeWith({}), "record");
  assertEquals(await modeWith({}), "replay");
  assertEquals(await modeWith({ CI: "1" }), "replay");
  for (const none of ["", "false", "False", "0"]) {
    assertEquals(
      await modeWith({ CI: none }, { dir: `other${none}` }),
      "record",
    );
  }
  for (const mode of ["record", "replay", "new-episodes"] as const) {
    assertEquals(
      await modeWith({ CI: "1", PROCESSKIT_CASSETTES: mode }),
      mode,
    );
  }
  assertEquals(
    await modeWith({ CI: "1", PROCESSKIT_CASSETTES: "auto" }, { dir: "new" }),
    "record",
  );
  assertEquals(
    await modeWith({ PROCESSKIT_CASSETTES: "record" }, { mode: "replay" }),
    "replay",
  );
  assertEquals(
    await modeWith({ PROCESSKIT_CASSETTES: "" }, { mode: "passthrough" }),
    "passthrough",
  );
  const wrong = await failureOf(modeWith({ PROCESSKIT_CASSETTES: "rec" }));
  assertInstanceOf(wrong, TypeError);
  assertStringIncludes(wrong.message, "PROCESSKIT_CASSETTES");
  assertStringIncludes(wrong.message, '"new-episodes"');
});

test("the option dir is an absolute path, a URL, or a path relative to the test file", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const inner = answering("x");
    const folders: (string | URL)[] = [
      folder.file("absolute"),
      toFileUrl(folder.file("url")),
      "beside/it",
    ];
    for (const dir of folders) {
      await withCassette(
        testIn(folder.path),
        { inner, dir },
        (runner) => runner.run(TOOL),
      );
    }
    for (const path of ["absolute", "url", "beside/it"]) {
      await Cassette.read(folder.file(`${path}/some_test.ts/a test.json`));
    }
  });
});

test("a body that throws writes nothing, in any mode", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const own = testIn(folder.path);
    const inner = answering("x");
    const failing = (mode: "record" | "auto" | "new-episodes") =>
      failureOf(withCassette(own, { inner, mode }, async (runner) => {
        await runner.run(TOOL);
        throw new Error("thrown by the test");
      }));
    for (const mode of ["record", "auto", "new-episodes"] as const) {
      const error = await failing(mode);
      assertInstanceOf(error, Error);
      // No cassette is being replayed, so no note is added.
      assertEquals(error.message, "thrown by the test");
    }
    assertEquals(await readdir(folder.path), []);
    await withCassette(own, { inner }, (runner) => runner.run(TOOL));
    const path = folder.file("__cassettes__/some_test.ts/a test.json");
    const before = await readFile(path, "utf8");
    await failing("record");
    const added = await failing("new-episodes");
    assertInstanceOf(added, Error);
    assertStringIncludes(added.message, "was playing");
    assertEquals(await readFile(path, "utf8"), before);
  });
});

test("an error during a replay names the cassette, and tells how to record it again", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const own = testIn(folder.path);
    const inner = answering("x");
    await withCassette(own, { inner }, (runner) => runner.run(TOOL));
    const path = folder.file("__cassettes__/some_test.ts/a test.json");
    const failure = (thrown: unknown, mode?: "replay") =>
      failureOf(
        withCassette(
          own,
          mode === undefined ? { inner } : { inner, mode },
          () => {
            throw thrown;
          },
        ),
      );
    const testError = new TypeError("thrown by the test");
    const error = await failure(testError);
    assert(error === testError);
    assert(testError.message.startsWith("thrown by the test\n\n"));
    for (const text of [testError.message, testError.stack!]) {
      assertStringIncludes(text, path);
      assertStringIncludes(text, "PROCESSKIT_CASSETTES=record");
    }
    // The option mode overrides the variable.
    const fixed = await failure(new Error("x"), "replay");
    assertStringIncludes(String(fixed), 'mode: "record"');
    assert(!String(fixed).includes("PROCESSKIT_CASSETTES"));
    const frozen = Object.freeze(new Error("frozen"));
    for (const thrown of [frozen, "a string", undefined]) {
      const other = await failure(thrown);
      assertInstanceOf(other, Error);
      assert(other.cause === thrown);
      assertStringIncludes(other.message, String(thrown));
      assertStringIncludes(other.message, path);
    }
    const miss = await failureOf(
      withCassette(own, { inner }, (runner) => runner.run(TOOL.arg("new"))),
    );
    assertInstanceOf(miss, CassetteMissError);
    assertStringIncludes(miss.message, "args[0]");
    assertStringIncludes(miss.message, "PROCESSKIT_CASSETTES=record");
  });
});

test("an error about a cassette that cannot be replayed tells why it is replayed, and how to record it", async () => {
  await using folder = await temporaryFolder();
  const own = testIn(folder.path);
  const failure = async (
    variables: Record<string, string | undefined>,
    mode?: "replay" | "new-episodes",
  ) => {
    const error = await withVariables(
      { ...NO_VARIABLES, ...variables },
      () =>
        failureOf(
          withCassette(own, mode === undefined ? {} : { mode }, () => {}),
        ),
    );
    assertInstanceOf(error, CassetteError);
    return error.message;
  };
  const ofCi = await failure({ CI: "true" });
  assertStringIncludes(ofCi, "there is no such file");
  assertStringIncludes(
    ofCi,
    "(The cassette was to be replayed, since CI is set. To record it, run this test with PROCESSKIT_CASSETTES=record.)",
  );
  const ofVariable = await failure({ PROCESSKIT_CASSETTES: "replay" });
  assertStringIncludes(ofVariable, "as the variable PROCESSKIT_CASSETTES says");
  const ofOption = await failure({ CI: "true" }, "replay");
  assertStringIncludes(ofOption, "as the option mode says");
  assertStringIncludes(ofOption, 'run this test with mode: "record"');
  await mkdir(folder.file("__cassettes__/some_test.ts"), { recursive: true });
  await writeFile(
    folder.file("__cassettes__/some_test.ts/a test.json"),
    "no cassette",
  );
  assertStringIncludes(await failure({}), "since it is there. To record it");
  assert(!(await failure({}, "new-episodes")).includes("replayed"));
});

test("two tests that record one cassette with different commands are refused, and a test that runs again is not", async () => {
  await withVariables(
    { ...NO_VARIABLES, PROCESSKIT_CASSETTES: "record" },
    async () => {
      await using folder = await temporaryFolder();
      const record = (...words: string[]) =>
        withCassette(
          testIn(folder.path, "works"),
          { inner: answering("x") },
          async (runner) => {
            for (const word of words) await runner.run(TOOL.arg(word));
          },
        );
      await record("add", "list");
      await record("list", "add", "add");
      await assertRejects(() => record("remove"), TypeError, "works.json");
      await assertRejects(() => record("add", "list"), TypeError, "works.json");
    },
  );
});

test("a test that runs again may use another working directory if it is not part of the match", async () => {
  const variables = { ...NO_VARIABLES, PROCESSKIT_CASSETTES: "record" };
  await withVariables(variables, async () => {
    await using folder = await temporaryFolder();
    for (const directory of ["/a", "/b"]) {
      await withCassette(
        testIn(folder.path),
        { inner: answering("x"), matchOn: { cwd: false } },
        (runner) => runner.run(TOOL.cwd(directory)),
      );
    }
  });
});

test("different test names have different file names, which are valid on every system", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const names = [
      ...[
        "a b",
        "a_b",
        "a/b",
        "a:b",
        "a\\b",
        "../../etc/passwd",
        "..",
        ".",
        "",
      ],
      ...[
        "A b",
        "con",
        "NUL.txt",
        "a.",
        " a",
        "a ",
        "é",
        "e\u0301",
        "名前",
        "\u{1f600}",
      ],
      ...["x".repeat(300), `${"x".repeat(300)}y`, "a\nb", "a\0b", '"<>|*?'],
    ].filter((name) => name !== "");
    const inner = answering("x");
    const answerOf = (name: string) =>
      withCassette(
        testIn(folder.path, name),
        { inner },
        (runner) =>
          runner.run(new Command("tool", [String(names.indexOf(name))])),
      );
    for (const name of names) await answerOf(name);
    const files = await readdir(folder.file("__cassettes__/some_test.ts"));
    assertEquals(files.length, names.length);
    assertEquals(
      new Set(files.map((file) => file.toLowerCase())).size,
      names.length,
    );
    for (const file of files) {
      const isSafe = [...file].every((character) =>
        character >= " " && !'<>:"/\\|?*'.includes(character)
      );
      assert(isSafe, file);
      assert(new TextEncoder().encode(file).length <= 255, file);
      assert(!/[. ]$/.test(file.replace(/\.json$/, "")), file);
    }
    assert(files.includes("a b.json") && files.includes("a_b.json"));
    // On Windows these are names of devices, with any extension.
    assert(!files.some((file) => /^(?:con|nul)\./i.test(file)));
    for (const name of names) {
      assertEquals(await answerOf(name), "x");
    }
  });
});

test("a step has another file than a test with a similar name", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const parent = testIn(folder.path, "package.json");
    for (
      const own of [
        testIn(folder.path, "package"),
        { ...parent, name: "part", parent },
        parent,
      ]
    ) {
      await withCassette(
        own,
        { inner: answering("x") },
        (runner) => runner.run(TOOL),
      );
    }
  });
});

test("withCassette ends a replayed process that the test left running", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const own = testIn(folder.path);
    const slow = sh("echo a; sleep 0.1; echo b");
    await withCassette(own, { timing: true }, (runner) => runner.run(slow));
    // The leak check of the suite finds a timer that is left.
    await withCassette(own, { speed: 0.001 }, async (runner) => {
      await runner.start(slow);
    });
  });
});

test("the folder of the cassettes has the name of the test file", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const origin = toFileUrl(folder.file("Git Test é#1.test.ts")).href;
    await withCassette(
      { name: "x", origin: `${origin}?again#here` },
      { inner: answering("x") },
      (runner) => runner.run(TOOL),
    );
    await Cassette.read(
      folder.file("__cassettes__/Git Test é#1.test.ts/x.json"),
    );
  });
});

test("the cassette of a step is in the folder of its test", async () => {
  await withVariables(NO_VARIABLES, async () => {
    await using folder = await temporaryFolder();
    const parent = testIn(folder.path, "whole");
    const step = { ...parent, name: "part", parent };
    await withCassette(
      step,
      { inner: answering("x") },
      (runner) => runner.run(TOOL),
    );
    await Cassette.read(
      folder.file("__cassettes__/some_test.ts/whole/part.json"),
    );
  });
});

test("withCassette refuses an invalid test, body or option", async () => {
  const wrong: unknown[] = [
    undefined,
    {},
    { name: "x" },
    { name: "", origin: import.meta.url },
    { name: "x", origin: "https://example.com/x_test.ts" },
    { name: "x", origin: "/some/path.ts" },
    { name: "x", origin: "file:///some/%ff.ts" },
    { name: "x", origin: "file:///some%2fother.ts" },
    { name: "x", origin: import.meta.url, parent: {} },
  ];
  for (const own of wrong) {
    await assertRejects(
      () => withCassette(own as TestIdentity, () => {}),
      TypeError,
      "withCassette: ",
    );
  }
  await assertRejects(
    () =>
      withCassette(
        { name: "x", origin: import.meta.url },
        {} as unknown as () => void,
      ),
    TypeError,
    "body",
  );
  const wrongOptions: [unknown, string][] = [
    [null, "withCassette: the options: expected a plain object, got null"],
    [[], "withCassette: the options: expected a plain object, got an Array"],
    [
      { redacted: () => "" },
      'unknown option "redacted"; known are dir, mode, inner, matchOn',
    ],
    [{ mode: null }, "mode"],
    [{ dir: import.meta.resolve("./x") }, "use new URL("],
    [{ mode: "reply" }, "mode"],
  ];
  for (const [options, message] of wrongOptions) {
    await assertRejects(
      () =>
        withCassette(
          { name: "x", origin: import.meta.url },
          options as WithCassetteOptions,
          () => {},
        ),
      TypeError,
      message,
    );
  }
});

test("a Deno test and a Bun test share a cassette that either of them recorded", async () => {
  for (
    const [recorder, player] of [["deno", "bun"], ["bun", "deno"]] as const
  ) {
    await using folder = await temporaryFolder();
    const file = folder.file("with_cassette_test.ts");
    const source = await readFile(
      join(ROOT, "tests/fixtures/with_cassette.ts"),
      "utf8",
    );
    await writeFile(
      file,
      source.replace("../../mod.ts", join(ROOT, "mod.ts")),
    );
    const run = async (
      runtime: "deno" | "bun",
      mode: string,
      permissions: string[],
    ) => {
      const args = runtime === "deno"
        ? [
          ...["test", "--quiet", "--no-check", "--no-prompt"],
          ...[`--config=${join(ROOT, "deno.json")}`, ...permissions, file],
        ]
        : ["test", file];
      const result = await new Command(PROGRAMS[runtime], args)
        .cwd(folder.path).env("NO_COLOR", "1").env("PROCESSKIT_CASSETTES", mode)
        .outputString();
      assert(result.success, result.combined);
      assertStringIncludes(result.combined, "1 pass");
    };
    await run(recorder, "record", ["-A"]);
    const path = folder.file(
      "__cassettes__/with_cassette_test.ts/echo prints its argument.json",
    );
    const text = await readFile(path, "utf8");
    // Deno may not read the environment, and replays because the file exists.
    await run(player, "replay", ["--allow-read"]);
    assertEquals(await readFile(path, "utf8"), text);
    // The real program would not print this.
    await writeFile(path, text.replace("hello\\n", "hollo\\n"));
    const changed = String(
      await failureOf(run(player, "replay", ["--allow-read"])),
    );
    assertStringIncludes(changed, "hollo");
    assertStringIncludes(changed, "PROCESSKIT_CASSETTES=record");
    // Deno needs a permission for the variable that the note names.
    assertEquals(
      changed.includes("--allow-env=PROCESSKIT_CASSETTES"),
      player === "deno",
    );
  }
});

test("the context of a Deno test, and of a step, is a valid test identity", async () => {
  // Bun passes no context to a test.
  if (runtimeName !== "deno") return;
  await using folder = await temporaryFolder();
  const file = folder.file("context_test.ts");
  await writeFile(
    file,
    `import { withCassette, Command } from ${
      JSON.stringify(join(ROOT, "mod.ts"))
    };
Deno.test("outer", async (t) => {
  await t.step("inner", (t) => withCassette(t, async (runner) => {
    await runner.run(new Command("echo", ["x"]));
  }));
});`,
  );
  const args = [
    "test",
    "-A",
    "--quiet",
    // The type check takes seconds. `deno check` covers a context in tests/fixtures/with_cassette.ts.
    "--no-check",
    `--config=${join(ROOT, "deno.json")}`,
    file,
  ];
  const result = await new Command(PROGRAMS.deno, args).env("NO_COLOR", "1")
    .env("CI", "").outputString();
  assert(result.success, result.combined);
  await Cassette.read(
    folder.file("__cassettes__/context_test.ts/outer/inner.json"),
  );
});
