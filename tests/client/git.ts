// A worked example: a typed client of one program. It knows nothing of tests, and what
// runs its commands is for whoever makes it to say.

import { CliClient, type CliClientOptions } from "../../mod.ts";

/** Where a {@linkcode Git} client works, and how. */
export interface GitOptions extends Omit<CliClientOptions, "cwd" | "args"> {
  /**
   * The folder of the repository; the one that the program is in if it is left out. It
   * reaches git by its environment, which is no part of what a cassette matches.
   */
  repository?: string;
}

/** What is asked of git. */
export class Git extends CliClient {
  constructor({ repository, env, ...options }: GitOptions = {}) {
    super("git", {
      timeout: 10_000,
      ...options,
      env: {
        LC_ALL: "C",
        ...(repository !== undefined && {
          GIT_DIR: `${repository}/.git`,
          GIT_WORK_TREE: repository,
        }),
        ...env,
      },
    });
  }

  /** The commit that is checked out. */
  head(): Promise<string> {
    return this.run(["rev-parse", "HEAD"]);
  }

  /** The local branches. */
  branches(): Promise<string[]> {
    return this.parse(
      ["branch", "--format=%(refname:short)"],
      (text) => text.split("\n").filter((name) => name !== ""),
    );
  }

  /** Whether nothing is changed, staged or new. */
  async isClean(): Promise<boolean> {
    return await this.run(["status", "--porcelain"]) === "";
  }

  /** Whether there is such a commit. */
  async has(revision: string): Promise<boolean> {
    return await this.exitCode(["rev-parse", "--verify", "-q", revision]) === 0;
  }

  /** The object that git would make of a text. */
  hash(text: string): Promise<string> {
    return this.run(this.command(["hash-object", "--stdin"]).stdin(text));
  }
}
