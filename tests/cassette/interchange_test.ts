import { readFile } from "node:fs/promises";
import { Command } from "../../mod.ts";
import { temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { assertEquals } from "../std.ts";

const RUNTIMES = ["deno", "bun"] as const;

/** Records or replays the commands of the fixture in a process of the runtime, and returns their results. */
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

test("Deno and Bun record the same bytes, and replay each other's cassettes", async () => {
  await using folder = await temporaryFolder();
  const live = await Promise.all(
    RUNTIMES.map((runtime) =>
      results(runtime, folder.file(`${runtime}.json`), ["-A"], "record")
    ),
  );
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
