// What the example client of tests/client/ finds out of a repository that is the same
// wherever it is made: `deno run -A cassettes/git_client.ts` records it again.

import { JobRunner, RecordReplayRunner } from "../mod.ts";
import { findings, newRepository } from "../tests/client/repository.ts";

/** The cassette of those findings. */
export const GIT_CLIENT_CASSETTE: URL = new URL("git_client.json", import.meta.url);

if (import.meta.main) {
  await using repository = await newRepository();
  await RecordReplayRunner.recording(
    GIT_CLIENT_CASSETTE,
    new JobRunner(),
    (runner) => findings(runner, repository.path),
  );
}
