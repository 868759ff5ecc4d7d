import { readFile } from "node:fs/promises";
import { GIT_CASSETTE, GIT_COMMANDS } from "../../cassettes/git.ts";
import { Cassette, ExitError, RecordReplayRunner } from "../../mod.ts";
import { failureOf } from "../commands.ts";
import { test } from "../harness.ts";
import { assertEquals, assertInstanceOf } from "../std.ts";

test("the committed cassette replays the recorded output of git", async () => {
  const git = await RecordReplayRunner.replay(GIT_CASSETTE);
  assertEquals(await git.run(GIT_COMMANDS.success), "true");
  assertEquals(
    await git.run(GIT_COMMANDS.stdin),
    "ce013625030ba8dba906f756967f9e9ca394464a",
  );
  assertEquals(await git.run(GIT_COMMANDS.lines), "topic");
  assertEquals(await git.probe(GIT_COMMANDS.silentFailure), false);
  const error = await failureOf(git.run(GIT_COMMANDS.failure));
  assertInstanceOf(error, ExitError);
  assertEquals(
    error.message,
    "`git rev-parse --verify no-such-branch` exited with code 128\nstderr:\n  fatal: Needed a single revision",
  );
});

test("the committed cassette has the format that the recorder writes", async () => {
  const text = await readFile(GIT_CASSETTE, "utf8");
  assertEquals(Cassette.parse(text).toString(), text);
  assertEquals(text.includes("LC_ALL"), true);
});
