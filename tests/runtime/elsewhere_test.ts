import { writeFile } from "node:fs/promises";
import { Command, isNotFound } from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import { PROGRAMS, ROOT } from "../runtimes.ts";
import { assertEquals } from "../std.ts";

/** Imports the bundle and prints what its first uses come to. */
const PROBE = `
  const { Command, RecordReplayRunner, ScriptedRunner, Reply } = await import("./bundle.js");
  const tell = async (run) => await run().then((text) => text, (error) => error.kind + ": " + error.name);
  const lines = [
    await tell(() => new Command("true").run()),
    await tell(() => RecordReplayRunner.replay("c.json")),
    await tell(() => new ScriptedRunner().fallback(Reply.ok("scripted")).run(new Command("true"))),
  ];
  console.log(lines.join("\\n"));
`;

test("outside of Deno and Bun the import works, and a run is an UnsupportedError", async () => {
  const missing = await failureOf(
    new Command("node", ["--version"]).run().then(() =>
      Promise.reject("there")
    ),
  );
  if (isNotFound(missing)) {
    return console.log("skipped: there is no node");
  }
  await using folder = await temporaryFolder();
  await sh(
    '"$1" build "$2/mod.ts" --target=browser --outfile="$3/bundle.js"',
    PROGRAMS.bun,
    ROOT,
    folder.path,
  ).run();
  await writeFile(folder.file("package.json"), '{"type":"module"}');
  await writeFile(folder.file("node.js"), PROBE);
  // Like a browser, which has no global of Node.js.
  await writeFile(
    folder.file("browser.js"),
    `delete globalThis.process; delete globalThis.Buffer; ${PROBE}`,
  );
  for (const script of ["node.js", "browser.js"]) {
    const shown = await new Command("node", [script]).cwd(folder.path).run();
    const refusal = "unsupported: UnsupportedError";
    assertEquals(shown.split("\n"), [refusal, refusal, "scripted"], script);
  }
});
