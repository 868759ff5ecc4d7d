import { Command } from "../../mod.ts";
import { collect, sh, sleep } from "../commands.ts";
import { runtimeName, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { assert, assertEquals } from "../std.ts";

const MEGABYTE = 2 ** 20;

for (const what of ["lines", "events", "stream"]) {
  test(`a reader of ${what} who takes one a second from a gigabyte needs little memory, and nobody is left`, async () => {
    const { program, args } = scriptWords(
      runtimeName,
      "tests/fixtures/slow_reader.ts",
    );
    const answer = await new Command(program, [...args, "4", what]).parse(
      JSON.parse,
    );
    assert(answer.growth < 32 * MEGABYTE, `${answer.growth / MEGABYTE} MB`);
    assert(!answer.isThere);
  });
}

test("a slow reader slows the process down", async () => {
  // It tells on stderr how far it has come.
  const script =
    "i=0; while [ $i -lt 300 ]; do printf '%02000d\\n' $i; i=$((i + 1)); echo >&2; done";
  await using process = await sh(script).start();
  const lines = process.stdoutLines();
  await lines.next();
  await sleep(300);
  const waiting = process.stderrLineCount;
  // A pipe or two of 64 KiB, and as much that was read ahead, of 600 KB in all.
  assert(waiting > 0 && waiting < 290, `${waiting}`);
  assertEquals((await collect(lines)).length, 299);
  await process.finish();
  assertEquals(process.stderrLineCount, 300);
});

test("a reader who stops has the process wait, and one who goes on has all of it", async () => {
  await using process = await sh("seq 300000").start();
  const lines = process.stdoutLines();
  for (let line = 1; line <= 10; line++) {
    assertEquals((await lines.next()).value, String(line));
  }
  await sleep(200);
  const rest = await collect(lines);
  assertEquals([rest.length, rest.at(-1)], [299990, "300000"]);
});

test("memory stays flat while a million lines are read and let go", async () => {
  const { process } = globalThis as unknown as {
    process: { memoryUsage(): { heapUsed: number } };
  };
  await using live = await sh("seq 3000000").start();
  let read = 0;
  let most = 0;
  const before = process.memoryUsage().heapUsed;
  for await (const _ of live.stdoutLines()) {
    if (++read % 100_000 === 0) {
      most = Math.max(most, process.memoryUsage().heapUsed - before);
    }
  }
  assertEquals(read, 3_000_000);
  // All of it would be some 150 MB of strings.
  assert(most < 100 * MEGABYTE, `${most / MEGABYTE} MB`);
});
