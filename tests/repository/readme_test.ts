import { readFile, writeFile } from "node:fs/promises";
import { Command } from "../../mod.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { PROGRAMS, ROOT } from "../runtimes.ts";
import { assert, assertEquals, assertStringIncludes, join } from "../std.ts";

/** The examples in a section of the README, as a reader would copy them; those marked `kind`. */
async function examplesOf(section: string, kind = "ts"): Promise<string[]> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [, text] = readme.split(`\n## ${section}\n`);
  const [own] = text.split("\n## ");
  const blocks = own.matchAll(/```(.*)\n([\s\S]*?)```/g);
  return Array.from(blocks).flatMap(([, mark, code]) =>
    mark === kind ? [code] : []
  );
}

/** The example with the library's own files in the place of its name. */
function local(example: string): string {
  return example.replaceAll(
    '"@processkit/processkit"',
    JSON.stringify(join(ROOT, "mod.ts")),
  ).replaceAll(
    '"@processkit/processkit/secrets"',
    JSON.stringify(join(ROOT, "src/secrets/secrets.ts")),
  );
}

/** Runs an example in a file of its own; what it prints. */
async function printedBy(example: string): Promise<string> {
  await using folder = await temporaryFolder();
  const file = folder.file("example.ts");
  await writeFile(file, local(example));
  const args = runtimeName === "deno"
    ? ["run", "-A", "--no-check", `--config=${join(ROOT, "deno.json")}`, file]
    : [file];
  return await new Command(PROGRAMS[runtimeName], args).env("NO_COLOR", "1")
    .timeout(60_000).run();
}

test("the README's server is started, waited for, used and stopped, in under fifteen lines", async () => {
  const [server, conversation] = await examplesOf("Live processes");
  assert(server.trimEnd().split("\n").length < 15);
  assertEquals(
    (await printedBy(server)).replaceAll(/[\s,]+/g, " "),
    'hello { kind: "signalled" signal: 15 }',
  );
  assertEquals(await printedBy(conversation), "Hello, Ada");
});

test("the README's supervisor, one-liners and client do what they say", async () => {
  const [supervisor] = await examplesOf("Supervision");
  assertEquals(await printedBy(supervisor), "starting\nstopped 0");
  const [oneLiners, client] = await examplesOf("Clients and one-liners");
  const lines = (await printedBy(oneLiners)).split("\n");
  assert(lines[0].startsWith("git version "), lines[0]);
  assertEquals(lines[1], "2");
  assert(lines[2].endsWith("/git"), lines[2]);
  assertEquals(await printedBy(client), "2f1c");
});

test("the README's cassettes do what they say", async () => {
  const [opened, guarded, checked] = await examplesOf(
    "Recording and replaying",
  );
  assertEquals(await printedBy(opened), "");
  assertEquals(await printedBy(guarded), "refused");
  assertEquals(await printedBy(checked), "0");
});

test("the README's test with a cassette records, and then replays", async () => {
  const examples = await examplesOf("Recording and replaying", "ts ignore");
  const example = examples[runtimeName === "deno" ? 0 : 1];
  await using folder = await temporaryFolder();
  await writeFile(folder.file("git_test.ts"), local(example));
  const args = runtimeName === "deno"
    ? ["test", "-A", "--no-check", `--config=${join(ROOT, "deno.json")}`]
    : ["test"];
  const run = () =>
    new Command(PROGRAMS[runtimeName], [...args, folder.file("git_test.ts")])
      .cwd(folder.path).env({ NO_COLOR: "1", CI: "" }).timeout(60_000)
      .outputString();
  const first = await run();
  assert(first.success, first.combined);
  const path = folder.file(
    "__cassettes__/git_test.ts/git tells its version.json",
  );
  const recorded = await readFile(path, "utf8");
  await writeFile(path, recorded.replace("git version", "svn version"));
  const second = await run();
  assert(!second.success);
  assertStringIncludes(second.combined, "PROCESSKIT_CASSETTES=record");
});
