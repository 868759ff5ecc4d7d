import { Command, isNotFound } from "../../mod.ts";
import { watcherScript } from "../../src/containment/watcher_script.ts";
import { test } from "../harness.ts";
import { assertEquals } from "../std.ts";

/** The findings that are intended, with the reason of each. */
const EXCLUDED: Readonly<Record<string, string>> = {
  SC1007: "`a= b=` sets both variables to an empty text",
  SC2034: "eval reads a variable",
  SC2046: "a list is split into its words",
  SC2086: "a list is split into its words",
  SC2154: "eval sets a variable",
  SC2317: "eval, a trap or a variable calls a function",
};

for (const source of ["proc", "ps"] as const) {
  test(`shellcheck finds no problem in the watcher script that uses ${source}, where shellcheck is installed`, async () => {
    const shellcheck = new Command("shellcheck", [
      "--shell=sh",
      `--exclude=${Object.keys(EXCLUDED).join(",")}`,
      "--format=gcc",
      "-",
    ]).stdin(watcherScript(source));
    try {
      const { stdout } = await shellcheck.outputString();
      assertEquals(stdout, "");
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  });
}
