import {
  Cassette,
  CassetteMissError,
  type CassetteOptions,
  Command,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
} from "../../mod.ts";
import { failureOf } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "../std.ts";

/** Replays `asked` from a cassette of the `recorded` commands, and returns the error. */
async function missOf(
  recorded: readonly Command[],
  asked: Command,
  options: CassetteOptions = {},
): Promise<CassetteMissError> {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(
    path,
    new ScriptedRunner().fallback(Reply.ok()),
    async (runner) => {
      for (const command of recorded) await runner.run(command);
    },
    options,
  );
  const replayer = await RecordReplayRunner.replay(path, options);
  const error = await failureOf(replayer.run(asked));
  assertInstanceOf(error, CassetteMissError);
  assertEquals(error.path, path);
  return error;
}

const git = (...args: string[]) => new Command("git", args);

test("a miss tells the recorded command, the asked command and the argument that differs", async () => {
  const error = await missOf(
    [git("status"), git("log", "-n", "10")],
    git("log", "-n", "20"),
  );
  assertEquals([error.reason, error.program], ["unknown", "git"]);
  const [nearest, other] = error.nearest;
  assertEquals([nearest.index, nearest.commandLine], [1, "git log -n 10"]);
  assertEquals(nearest.differences, ['args[2]: recorded "10", requested "20"']);
  assertEquals(other.index, 0);
  assertStringIncludes(error.message, "`git log -n 20`");
  assertStringIncludes(error.message, "recorded `git log -n 10`");
  assertStringIncludes(error.message, "args[2]");
  assertStringIncludes(error.message, '"new-episodes"');
});

test("a miss tells the place of an extra or a missing argument", async () => {
  const differences = async (recorded: string[], asked: string[]) =>
    (await missOf([git(...recorded)], git(...asked))).nearest[0].differences;
  assertEquals(await differences(["a", "c"], ["a", "b b", "c"]), [
    "args[1]: only requested: 'b b'",
  ]);
  assertEquals(await differences(["a", "b", "c"], ["a", "c"]), [
    "args[1]: only recorded: b",
  ]);
  assertEquals(await differences(["a"], ["b", "c"]), [
    "from args[0] on: recorded a, requested b c",
  ]);
  assertEquals(await differences(["a", "b"], ["c", "d"]), [
    'args[0]: recorded "a", requested "c"',
    'args[1]: recorded "b", requested "d"',
  ]);
});

test("a miss tells a different working directory, stdin or variable", async () => {
  const differences = async (
    recorded: Command,
    asked: Command,
    options?: CassetteOptions,
  ) => (await missOf([recorded], asked, options)).nearest[0].differences;
  assertEquals(await differences(git().cwd("/a"), git().cwd("/b")), [
    'the working directory: recorded "/a", requested "/b"',
  ]);
  assertEquals(await differences(git(), git().cwd("/b")), [
    'the working directory: recorded none, requested "/b"',
  ]);
  assertEquals(await differences(git().stdin("a"), git().stdin("b")), [
    "stdin: recorded with different input",
  ]);
  assertEquals(await differences(git().stdin("a"), git()), [
    "stdin: recorded with input, requested without input",
  ]);
  assertEquals(await differences(git(), git().stdin("")), [
    "stdin: recorded without input, requested with input",
  ]);
  const env = { matchOn: { env: ["LANG"] } };
  assertEquals(
    await differences(
      git().env("LANG", "aaaa"),
      git().env("LANG", "bbbb"),
      env,
    ),
    ["the variable LANG: recorded with a different value"],
  );
  assertEquals(
    await differences(git().envRemove("LANG"), git(), env),
    ["the variable LANG: recorded removed, requested neither set nor removed"],
  );
});

test("a miss shows a difference at the end of long words, and tells how many other arguments differ", async () => {
  const long =
    "/home/runner/work/project/project/packages/something/test/fixtures/";
  const { nearest, message } = await missOf(
    [
      git(...Array.from("abcdefgh", (name) => `${long}${name}`)).cwd(
        `${long}one`,
      ),
    ],
    git(...Array.from("abcdefgh", (name) => `${long}${name}2`)).cwd(
      `${long}two`,
    )
      .stdin("x"),
  );
  const { differences } = nearest[0];
  assertStringIncludes(differences[0], '/fixtures/one", requested "…');
  assertStringIncludes(differences[0], '/fixtures/two"');
  assertEquals(
    differences[1],
    "stdin: recorded without input, requested with input",
  );
  assertStringIncludes(differences[2], '/fixtures/a2"');
  assertEquals(differences.at(-1), "and 5 more arguments");
  assertStringIncludes(message, "with this stdin");
  assertStringIncludes(message, "stdin: recorded without");
  const numbers = (count: number) =>
    Array.from({ length: count }, (_, at) => `a${at}`);
  const many = await missOf(
    [git("x", ...numbers(99), "END1")],
    git("y", ...numbers(79), "END2"),
  );
  assertStringIncludes(many.nearest[0].differences[0], "from args[0] on");
});

test("a miss tells that an entry has stdin but no digest", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await Cassette.parse(
    '{"version":1,"entries":[{"program":"git","args":[],"has_stdin":true,"stdout":"","stderr":"","code":0}]}',
  ).write(path);
  const replayer = await RecordReplayRunner.replay(path);
  const error = await failureOf(replayer.run(git().stdin("x")));
  assertInstanceOf(error, CassetteMissError);
  assertStringIncludes(error.message, "without a digest");
});

test("a miss lists at most three recordings, each command once, the most similar first", async () => {
  const error = await missOf(
    [
      new Command("hg", ["log"]),
      git("a", "b", "c"),
      git("log"),
      git("log"),
      git("log", "-n"),
      git("log").cwd("/x"),
    ],
    git("log").stdin("x"),
  );
  assertEquals(error.nearest.map(({ index }) => index), [2, 5, 4]);
  const other = await missOf([new Command("hg", ["log"])], git("log"));
  assertEquals(other.nearest[0].differences, ["the program"]);
  assertEquals((await missOf([], git())).nearest, []);
});

test("the message of a miss has a bounded length and number of lines, whatever the command", async () => {
  const long = "x".repeat(100_000);
  const many = Array.from({ length: 5000 }, (_, index) => `a${index}`);
  const odd = "line\nline\r\u2028\u0007";
  const error = await missOf(
    [
      new Command(long, [long]).cwd(long),
      new Command("tool", many),
      new Command("tool", [odd]).cwd(odd),
    ],
    new Command("tool", [...many.toReversed(), odd, long]).cwd(`${odd}${long}`)
      .stdin(long),
  );
  assert(error.message.length < 2500, `${error.message.length}`);
  assertEquals(error.message.split("\n").length, 5);
});

test("a miss in a cassette of 100,000 recordings is found in linear time", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const [template] = Cassette.parse(
    '{"version":1,"entries":[{"program":"git","args":[],"stdout":"","stderr":"","code":0}]}',
  ).entries;
  await new Cassette(
    Array.from({ length: 100_000 }, (_, index) => ({
      ...template,
      args: ["log", "-n", String(index)],
    })),
  ).write(path);
  const replayer = await RecordReplayRunner.replay(path);
  const start = performance.now();
  const error = await failureOf(replayer.run(git("log", "-n", "99999", "-1")));
  const took = performance.now() - start;
  assertInstanceOf(error, CassetteMissError);
  assertEquals(error.nearest[0].index, 99_999);
  // It takes about 100 ms. Quadratic time would be minutes.
  assert(took < 60_000, `${took} ms`);
});

test("a redacted value is not in a miss", async () => {
  const error = await missOf([git("a")], git("hunter2"), {
    redact: (_field, text) => text.replaceAll("hunter2", "-"),
  });
  assert(!error.message.includes("hunter2"));
  assert(!JSON.stringify(error.nearest).includes("hunter2"));
});
