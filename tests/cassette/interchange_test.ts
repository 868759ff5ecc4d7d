import { readFile } from "node:fs/promises";
import { Command } from "../../mod.ts";
import { temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { assertEquals } from "../std.ts";

const RUNTIMES = ["deno", "bun"] as const;

/** Records or replays the fixture's commands in a process of its own. */
async function results(
  runtime: "deno" | "bun",
  path: string,
  permissions: string[],
  mode = "replay",
): Promise<string> {
  const { program, args } = scriptWords(
    runtime,
    "tests/fixtures/replay.ts",
    permissions,
  );
  return await new Command(program, [...args, path, mode]).run();
}

test("the same commands recorded under Deno and under Bun give the same bytes, and replay under either", async () => {
  await using folder = await temporaryFolder();
  const live = [];
  for (const runtime of RUNTIMES) {
    live.push(
      await results(runtime, folder.file(`${runtime}.json`), ["-A"], "record"),
    );
  }
  assertEquals(live[0], live[1]);
  const [deno, bun] = await Promise.all(
    RUNTIMES.map((runtime) => readFile(folder.file(`${runtime}.json`), "utf8")),
  );
  assertEquals(deno, bun);
  for (const recorder of RUNTIMES) {
    for (const player of RUNTIMES) {
      assertEquals(
        await results(player, folder.file(`${recorder}.json`), [
          "--allow-read",
        ]),
        live[0],
      );
    }
  }
});
