// The example of a typed client, with scripted, recorded and real runs.

import { readFile } from "node:fs/promises";
import { GIT_CLIENT_CASSETTE } from "../../cassettes/git_client.ts";
import {
  CassetteMissError,
  ExitError,
  JobRunner,
  RecordingRunner,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
} from "../../mod.ts";
import { temporaryFolder, test } from "../harness.ts";
import { assertEquals, assertRejects } from "../std.ts";
import { Git } from "./git.ts";
import { EXPECTED, findings, newRepository } from "./repository.ts";

test("the git client runs the right commands and parses their output", async () => {
  const runner = new RecordingRunner(
    new ScriptedRunner()
      .on(["git", "rev-parse", "HEAD"], Reply.ok("2f1c\n"))
      .on(["git", "branch"], Reply.ok("main\nfeature/x\n"))
      .onSequence(["git", "status"], [Reply.ok(), Reply.ok("?? new\n")])
      .fallback(Reply.fail(128, "fatal: no\n")),
  );
  const git = new Git({ runner, repository: "/repo" });
  assertEquals(await git.head(), "2f1c");
  assertEquals(await git.branches(), ["main", "feature/x"]);
  assertEquals([await git.isClean(), await git.isClean()], [true, false]);
  assertEquals(await git.has("x"), false);
  const [head] = runner.calls();
  assertEquals(
    [head.program, head.args, head.cwd, head.envs.get("GIT_DIR")],
    ["git", ["rev-parse", "HEAD"], null, "/repo/.git"],
  );
  await assertRejects(() => git.hash("x"), ExitError, "fatal: no");
  assertEquals(runner.calls().at(-1)?.hasStdin, true);
});

test("the git client gets the expected findings from the committed cassette", async () => {
  const replayer = await RecordReplayRunner.replay(GIT_CLIENT_CASSETTE);
  assertEquals(await findings(replayer), EXPECTED);
  await assertRejects(
    () => new Git({ runner: replayer }).run(["push"]),
    CassetteMissError,
  );
});

test("the git client gets the expected findings from a real repository, and recording them writes the committed cassette", async () => {
  await using folder = await temporaryFolder();
  await using repository = await newRepository();
  const path = folder.file("again.json");
  const found = await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => findings(runner, repository.path),
  );
  assertEquals(found, EXPECTED);
  assertEquals(
    await readFile(path, "utf8"),
    await readFile(GIT_CLIENT_CASSETTE, "utf8"),
  );
});
