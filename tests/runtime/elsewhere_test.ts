import { writeFile } from "node:fs/promises";
import { Command, isNotFound } from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import { PROGRAMS, ROOT } from "../runtimes.ts";
import { assertEquals } from "../std.ts";

/** Imports the bundle and tells what its first uses end in. */
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

test("elsewhere than in Deno and Bun the import works, and the first use that needs them says so", async () => {
  const missing = await failureOf(
    new Command("node", ["--version"]).run().then(() =>
      Promise.reject("there")
    ),
  );
  if (isNotFound(missing)) {
    return console.log("not tried: there is no node here to try it with");
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
  // As much of a browser as matters here: no global says where it is.
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
