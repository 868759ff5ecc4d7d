import { Command } from "../../mod.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { assertEquals } from "../std.ts";

test("a recorder with unsaved runs warns once when the program ends, and no other does", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/unsaved.ts",
  );
  const warning = (runs: string) =>
    `processkit: cassette ${JSON.stringify(path)}: ${runs} not saved; ` +
    'call save(), or create the recorder with "await using"\n';
  const expected: [string, number, string][] = [
    ["forgotten", 0, warning("2 recorded runs were")],
    ["exit", 3, warning("2 recorded runs were")],
    ["saved", 0, ""],
    ["saved in part", 0, warning("1 recorded run was")],
    ["discarded", 0, ""],
    ["disposed", 0, ""],
    ["failed body", 0, ""],
  ];
  const ends = await Promise.all(expected.map(async ([way]) => {
    const { code, stderr } = await new Command(program, [...args, way, path])
      .env("NO_COLOR", "1").outputString();
    return [way, code, stderr];
  }));
  assertEquals(ends, expected);
});
