import { collect, sh } from "../commands.ts";
import { test } from "../harness.ts";
import { assertEquals } from "../std.ts";

test("a reader that comes while a handler still works on the last line gets that line too", async () => {
  const gate = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<void>();
  const command = sh("printf 'one\\ntwo'").onStdoutLine((line) => {
    if (line !== "two") return;
    seen.resolve();
    return gate.promise;
  });
  await using process = await command.start();
  await seen.promise;
  const lines = collect(process.stdoutLines());
  gate.resolve();
  assertEquals(await lines, ["one", "two"]);
});
