// An example of a typed client of one program. It does not depend on tests: its runner is
// an option.

import { CliClient, type CliClientOptions } from "../../mod.ts";

/** The options of a {@linkcode Git} client. */
export interface GitOptions extends Omit<CliClientOptions, "cwd" | "args"> {
  /**
   * The folder of the repository, by default the one that contains the working directory.
   * It is passed in environment variables, which are not part of a cassette's match.
   */
  repository?: string;
}

/** Runs git. */
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

  /** Returns the hash of the commit that is checked out. */
  head(): Promise<string> {
    return this.run(["rev-parse", "HEAD"]);
  }

  /** Returns the names of the local branches. */
  branches(): Promise<string[]> {
    return this.parse(
      ["branch", "--format=%(refname:short)"],
      (text) => text.split("\n").filter((name) => name !== ""),
    );
  }

  /** Whether the working tree has no changed, staged or new files. */
  async isClean(): Promise<boolean> {
    return await this.run(["status", "--porcelain"]) === "";
  }

  /** Whether a commit with this name exists. */
  async has(revision: string): Promise<boolean> {
    return await this.exitCode(["rev-parse", "--verify", "-q", revision]) === 0;
  }

  /** Returns the hash of the object that git would create for a text. */
  hash(text: string): Promise<string> {
    return this.run(this.command(["hash-object", "--stdin"]).stdin(text));
  }
}
