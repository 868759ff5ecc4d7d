// A repository that is the same on every machine, and what the tests find in it.

import { writeFile } from "node:fs/promises";
import type { ProcessRunner } from "../../mod.ts";
import { temporaryFolder } from "../harness.ts";
import { join } from "../std.ts";
import { Git } from "./git.ts";

const AUTHOR = {
  name: "Ada",
  email: "ada@example.com",
  date: "@1000000000 +0000",
};

/** Keeps the configuration of this machine from git. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: AUTHOR.name,
  GIT_AUTHOR_EMAIL: AUTHOR.email,
  GIT_AUTHOR_DATE: AUTHOR.date,
  GIT_COMMITTER_NAME: AUTHOR.name,
  GIT_COMMITTER_EMAIL: AUTHOR.email,
  GIT_COMMITTER_DATE: AUTHOR.date,
};

/** Creates a repository with one commit and two branches, which is removed at the end of the scope. */
export async function newRepository(): Promise<
  { path: string } & AsyncDisposable
> {
  const folder = await temporaryFolder();
  const git = new Git({ repository: folder.path, env: ENVIRONMENT });
  await git.run(["init", "--quiet", "--initial-branch=main"]);
  await writeFile(join(folder.path, "readme"), "hello\n");
  await git.run(["add", "readme"]);
  await git.run(["commit", "--quiet", "--message=Begin"]);
  await git.run(["branch", "topic"]);
  return folder;
}

/** Returns what a client finds in that repository, before and after a file is added. */
export async function findings(
  runner: ProcessRunner,
  repository?: string,
): Promise<unknown> {
  const git = new Git({ repository, runner });
  const before = {
    head: await git.head(),
    branches: await git.branches(),
    isClean: await git.isClean(),
    hasTopic: await git.has("topic"),
    hasOther: await git.has("other"),
    hash: await git.hash("hello\n"),
  };
  if (repository !== undefined) {
    await writeFile(join(repository, "new"), "");
  }
  return { before, isStillClean: await git.isClean() };
}

/** What {@linkcode findings} returns. */
export const EXPECTED: unknown = {
  before: {
    head: "114731b5f5fba3a5f949829f732f697d88dc08ca",
    branches: ["main", "topic"],
    isClean: true,
    hasTopic: true,
    hasOther: false,
    hash: "ce013625030ba8dba906f756967f9e9ca394464a",
  },
  isStillClean: false,
};
