// What withCassette and misses say to the author of a test: the whole message.

import { writeFile } from "node:fs/promises";
import {
  CassetteError,
  CassetteMissError,
  Command,
  RecordReplayRunner,
  redactEnv,
  Reply,
  ScriptedRunner,
  type TestIdentity,
  withCassette,
} from "../../mod.ts";
import { failureOf } from "../commands.ts";
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
  assertMatch,
  assertStringIncludes,
  join,
  toFileUrl,
} from "../std.ts";

const TOOL = new Command("tool");
const answering = new ScriptedRunner().fallback(Reply.ok("1"));
const NO_VARIABLES = { CI: undefined, PROCESSKIT_CASSETTES: undefined };

function testIn(folder: string, name: string): TestIdentity {
  return { name, origin: toFileUrl(join(folder, "some_test.ts")).href };
}

test("a test that would record without a run is refused, and leaves no file", async () => {
  using _ = setVariables(NO_VARIABLES);
  await using folder = await temporaryFolder();
  for (const mode of ["record", "auto", "new-episodes"] as const) {
    const own = testIn(folder.path, mode);
    const error = await failureOf(
      withCassette(own, { inner: answering, mode }, () => {}),
    );
    assertInstanceOf(error, CassetteError);
    assertEquals(error.reason, "empty");
    const path = folder.file(`__cassettes__/some_test.ts/${mode}.json`);
    assertEquals(
      error.message,
      `cassette \`${path}\`: nothing was run with the runner, so there is nothing to record; ` +
        "pass the runner to the code under test",
    );
    const { access } = await import("node:fs/promises");
    assertInstanceOf(await failureOf(access(path)), Error);
  }
  // A run that failed was asked for all the same, and a replay needs none.
  const missing = new ScriptedRunner().fallback(Reply.notFound());
  const own = testIn(folder.path, "missing");
  await withCassette(
    own,
    { inner: missing, mode: "record" },
    async (runner) => {
      assertInstanceOf(await failureOf(runner.run(TOOL)), Error);
    },
  );
  await withCassette(own, { mode: "replay" }, () => {});
});

test("two tests with one cassette are refused at the first run, with both places", async () => {
  using _ = setVariables(NO_VARIABLES);
  await using folder = await temporaryFolder();
  const options = { inner: answering };
  const path = folder.file("__cassettes__/some_test.ts/twice.json");
  await withCassette(
    testIn(folder.path, "twice"),
    options,
    (runner) => runner.run(TOOL),
  );
  const error = await failureOf((async () => {
    await withCassette(
      testIn(folder.path, "twice"),
      options,
      (runner) => runner.run(TOOL.arg("other")),
    );
  })());
  assertInstanceOf(error, TypeError);
  assertMatch(
    error.message,
    /^withCassette: two tests use the same cassette, (.+): (.+fixture_message_test\.ts:\d+:\d+) and (.+fixture_message_test\.ts:\d+:\d+)\. Give each test a unique name; for example, put the names of its `describe` blocks in front$/,
  );
  assertStringIncludes(error.message, `same cassette, ${path}: `);
});

test("a test that runs again, or calls twice, is not two tests", async () => {
  using _ = setVariables(NO_VARIABLES);
  await using folder = await temporaryFolder();
  const attempt = async () => {
    await withCassette(
      testIn(folder.path, "again"),
      { inner: answering },
      (runner) => runner.run(TOOL),
    );
  };
  await attempt();
  await attempt();
  const own = testIn(folder.path, "one test");
  await withCassette(own, { inner: answering }, (runner) => runner.run(TOOL));
  await withCassette(own, { inner: answering }, (runner) => runner.run(TOOL));
});

test("where the runtime tells no place, the lines that have the test's name are named", async () => {
  await using folder = await temporaryFolder();
  const file = folder.file("same_test.ts");
  const from = (path: string) => JSON.stringify(join(ROOT, path));
  await writeFile(
    file,
    `import { Command, Reply, ScriptedRunner, withCassette } from ${
      from("mod.ts")
    };
const name: string = "bun:test";
const test = "Bun" in globalThis ? (await import(name)).test : (name, body) => Deno.test(name, body);
const inner = new ScriptedRunner().fallback(Reply.ok("x"));
const origin = import.meta.url;

test("works", () => withCassette({ name: "works", origin }, { inner }, (runner) => runner.run(new Command("a"))));

test("works", () => withCassette({ name: "works", origin }, { inner }, (runner) => runner.run(new Command("b"))));
`,
  );
  const args = runtimeName === "deno"
    ? ["test", "-A", "--no-check", `--config=${join(ROOT, "deno.json")}`, file]
    : ["test", file];
  const result = await new Command(PROGRAMS[runtimeName], args)
    .cwd(folder.path).env({ NO_COLOR: "1" }).envRemove("CI").outputString();
  assert(!result.success, result.combined);
  assertMatch(
    result.combined,
    /two tests use the same cassette, .+works\.json: \S+same_test\.ts:7(:\d+)? and \S+same_test\.ts:9(:\d+)?\. Give/,
  );
});

test("a miss tells how to record again in the way in which the cassette was opened", async () => {
  using _ = setVariables(NO_VARIABLES);
  await using folder = await temporaryFolder();
  const asked =
    "has no recording of `other` without a working directory, without stdin\n" +
    "  entries[0]: recorded `tool`; the program\n";
  const own = testIn(folder.path, "miss");
  const path = folder.file("__cassettes__/some_test.ts/miss.json");
  await withCassette(own, { inner: answering }, (runner) => runner.run(TOOL));
  const byVariable = await failureOf(
    withCassette(own, (runner) => runner.run(new Command("other"))),
  );
  assertInstanceOf(byVariable, CassetteMissError);
  assertEquals(
    byVariable.message,
    `the cassette \`${path}\` ${asked}` +
      "To add the command, run this test with PROCESSKIT_CASSETTES=new-episodes. " +
      "To record the whole cassette again, run this test with PROCESSKIT_CASSETTES=record.",
  );
  const byOption = await failureOf(
    withCassette(
      own,
      { mode: "replay" },
      (runner) => runner.run(new Command("other")),
    ),
  );
  assertEquals(
    (byOption as Error).message,
    `the cassette \`${path}\` ${asked}` +
      'To add the command, run this test with mode: "new-episodes". ' +
      'To record the whole cassette again, run this test with mode: "record".',
  );
  const opened = await RecordReplayRunner.replay(path);
  assertEquals(
    (await failureOf(opened.run(new Command("other"))) as Error).message,
    `the cassette \`${path}\` ${asked}` +
      'To add the command, open the cassette with mode "new-episodes". ' +
      'To record the whole cassette again, open the cassette with mode "record".',
  );
});

test("a miss near a recording with <env:NAME> names redactEnv, or the variable that is not set", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const redact = redactEnv(["API_TOKEN"]);
  const login = (token: string) => new Command("login", [`--token=${token}`]);
  await RecordReplayRunner.recording(
    path,
    answering,
    (runner) =>
      runner.run(login("s3cr3t-value").env("API_TOKEN", "s3cr3t-value")),
    { redact },
  );
  const without = await RecordReplayRunner.replay(path);
  assertEquals(
    (await failureOf(without.run(login("s3cr3t-value"))) as Error).message
      .split("\n").slice(2).join("\n"),
    "The recording has <env:API_TOKEN> in place of a value; " +
      'open the cassette with redact: redactEnv(["API_TOKEN"]).\n' +
      'To add the command, open the cassette with mode "new-episodes". ' +
      'To record the whole cassette again, open the cassette with mode "record".',
  );
  const unset = await RecordReplayRunner.replay(path, { redact });
  assertStringIncludes(
    (await failureOf(unset.run(login("s3cr3t-value"))) as Error).message,
    "The recording has <env:API_TOKEN> in place of a value; " +
      "set API_TOKEN with env(…) on the command, to the value that the command contains.\n",
  );
});
