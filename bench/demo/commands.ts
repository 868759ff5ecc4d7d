// The commands of the demo: git commands that run in the clone of this repository.

import { Command } from "../../mod.ts";

const git = new Command("git").env("LC_ALL", "C").env("GIT_PAGER", "cat");

/** The demo's commands. */
export const DEMO_COMMANDS: readonly Command[] = [
  git.arg("--version"),
  git.args(["rev-parse", "HEAD"]),
  git.args(["log", "-3", "--format=%h %s"]),
  git.args(["ls-files", "src/runner"]),
  git.args(["hash-object", "--stdin"]).stdin(
    "stdin is matched by its digest\n",
  ),
  git.args(["rev-parse", "--verify", "no-such-branch"]),
];

/** The commands of the demo where git is not installed. */
export const FALLBACK_COMMANDS: readonly Command[] = [
  new Command(Deno.execPath(), ["--version"]),
];
