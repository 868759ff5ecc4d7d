import { Command, type RunningProcess } from "../../mod.ts";
import { collect, sh, sleep } from "../commands.ts";
import { eventually, isAlive, runtimeName, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import { sized } from "../size.ts";
import { assert, assertEquals } from "../std.ts";

const MEGABYTE = 2 ** 20;

/** Waits until nothing more of the stdout of a process is read. */
async function untilStalled(process: RunningProcess): Promise<void> {
  let bytes = -1;
  await eventually("the process waits for its reader", async () => {
    const before = bytes;
    bytes = process.stdoutByteCount;
    if (before !== bytes) await sleep(200);
    return before === bytes;
  });
}

for (const what of ["lines", "events", "stream"]) {
  test(`a slow reader of ${what} from a gigabyte needs little memory, and disposal ends the child`, async () => {
    const { program, args } = scriptWords(
      runtimeName,
      "tests/fixtures/slow_reader.ts",
    );
    const { growth, isAlive } = await new Command(program, args)
      .args([...sized(["2", "100"], ["4", "1000"]), what]).parse(JSON.parse);
    assert(growth < 32 * MEGABYTE, `${growth / MEGABYTE} MB`);
    assert(!isAlive);
  });
}

test("a slow reader slows the process down", async () => {
  // 20 MB, which is much more than pipes and buffers hold.
  const script =
    "line=$(printf %02000d 0); i=0; while [ $i -lt 10000 ]; do echo $line; echo >&2; i=$((i + 1)); done";
  await using process = await sh(script).start();
  const lines = process.stdoutLines();
  await lines.next();
  await untilStalled(process);
  const printed = process.stderrLineCount;
  assert(printed > 0 && printed < 9000, `${printed}`);
  assert(await isAlive(process.pid!));
  assertEquals((await collect(lines)).length, 9999);
  await process.finish();
  assertEquals(process.stderrLineCount, 10_000);
});

test("a reader that pauses gets all lines when it goes on", async () => {
  await using process = await sh("seq 300000").start();
  const lines = process.stdoutLines();
  for (let line = 1; line <= 10; line++) {
    assertEquals((await lines.next()).value, String(line));
  }
  await untilStalled(process);
  const rest = await collect(lines);
  assertEquals([rest.length, rest.at(-1)], [299990, "300000"]);
});

test("memory stays flat while millions of lines are read and dropped", async () => {
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
  // All lines together are 150 MB of strings.
  assert(most < 100 * MEGABYTE, `${most / MEGABYTE} MB`);
});
