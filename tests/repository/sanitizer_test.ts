import { Command } from "../../mod.ts";
import { runtimeName, test } from "../harness.ts";
import { PROGRAMS, ROOT } from "../runtimes.ts";
import { assert, assertMatch } from "../std.ts";

test("a test that leaks a timer, a descriptor or a child fails", async () => {
  const fixture = "./tests/fixtures/leaks.ts";
  const args = runtimeName === "deno"
    ? ["test", "-A", "--no-check", fixture]
    : ["test", fixture];
  const result = await new Command(PROGRAMS[runtimeName], args).cwd(ROOT).env(
    "NO_COLOR",
    "1",
  ).outputString();
  assert(!result.success);
  assertMatch(result.combined, /\b1 pass/);
  assertMatch(result.combined, /\b3 fail/);
});
