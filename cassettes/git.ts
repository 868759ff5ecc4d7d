// The commands of git.json, which the tests and the demo replay. Their output is the same in
// every git repository. To record git.json again, run `deno run -A cassettes/git.ts` in the
// folder of this repository.

import { Command, JobRunner, RecordReplayRunner } from "../mod.ts";

const git = new Command("git").env("LC_ALL", "C");

/** The recorded commands. Each name says what the command demonstrates. */
export const GIT_COMMANDS = {
  success: git.args(["rev-parse", "--is-inside-work-tree"]),
  stdin: git.args(["hash-object", "--stdin"]).stdin("hello\n"),
  failure: git.args(["rev-parse", "--verify", "no-such-branch"]),
  silentFailure: git.args(["config", "--get", "processkit.no-such-key"]),
  lines: git.args(["check-ref-format", "--branch", "topic"]),
} as const;

/** The cassette of {@linkcode GIT_COMMANDS}. */
export const GIT_CASSETTE: URL = new URL("git.json", import.meta.url);

if (import.meta.main) {
  await RecordReplayRunner.recording(GIT_CASSETTE, new JobRunner(), async (runner) => {
    for (const command of Object.values(GIT_COMMANDS)) await runner.outputString(command);
  });
}
