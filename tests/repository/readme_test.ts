import { readFile, writeFile } from "node:fs/promises";
import { Command } from "../../mod.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { PROGRAMS, ROOT } from "../runtimes.ts";
import { assert, assertEquals, join } from "../std.ts";

/** The examples in a section of the README, as a reader would copy them. */
async function examplesOf(section: string): Promise<string[]> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const [, text] = readme.split(`\n## ${section}\n`);
  const [own] = text.split("\n## ");
  return Array.from(own.matchAll(/```ts\n([\s\S]*?)```/g), ([, code]) => code);
}

/** Runs an example in a file of its own; what it prints. */
async function printedBy(example: string): Promise<string> {
  await using folder = await temporaryFolder();
  const file = folder.file("example.ts");
  await writeFile(
    file,
    example.replaceAll(
      '"@processkit/processkit"',
      JSON.stringify(join(ROOT, "mod.ts")),
    ),
  );
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
