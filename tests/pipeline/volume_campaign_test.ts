// Much data through pipelines, in a program of its own whose memory is measured.

import { Command } from "../../mod.ts";
import { runtimeName, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { sized } from "../size.ts";
import { assert, assertEquals } from "../std.ts";

const MEGABYTE = 2 ** 20;

for (const stages of [2, 5, 20]) {
  test(`many megabytes go through ${stages} stages in flat memory`, async () => {
    const megabytes = sized(50, 100);
    const { bytes, growth } = await sentThrough(megabytes, stages, "no tee");
    assertEquals(bytes, megabytes * MEGABYTE);
    assert(growth < 32 * MEGABYTE, `${growth / MEGABYTE} MB`);
  });
}

test("a stage with a tee passes on far more than is in memory at a time", async () => {
  const megabytes = sized(320, 1000);
  const { bytes, growth } = await sentThrough(megabytes, 3, "tee");
  assertEquals(bytes, megabytes * MEGABYTE);
  // What was read is garbage right after, and the runtime collects it when it sees fit.
  assert(growth < 256 * MEGABYTE, `${growth / MEGABYTE} MB`);
});

/** Sends megabytes through a pipeline in another process. Returns the bytes that came out, and the growth of its memory in bytes. */
async function sentThrough(
  megabytes: number,
  stages: number,
  tee: "tee" | "no tee",
): Promise<{ bytes: number; growth: number }> {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/big_pipeline.ts",
  );
  return await new Command(program, [
    ...args,
    String(megabytes),
    String(stages),
    tee,
  ]).parse(JSON.parse);
}
