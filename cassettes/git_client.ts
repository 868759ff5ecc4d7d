// Records git_client.json: the commands that the example client of tests/client/ runs in a new
// repository, whose content is always the same. To record it again, run
// `deno run -A cassettes/git_client.ts`.

import { JobRunner, RecordReplayRunner } from "../mod.ts";
import { findings, newRepository } from "../tests/client/repository.ts";

/** The cassette of the commands that `findings` runs. */
export const GIT_CLIENT_CASSETTE: URL = new URL("git_client.json", import.meta.url);

if (import.meta.main) {
  await using repository = await newRepository();
  await RecordReplayRunner.recording(
    GIT_CLIENT_CASSETTE,
    new JobRunner(),
    (runner) => findings(runner, repository.path),
  );
}
