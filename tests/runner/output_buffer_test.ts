import fc from "fast-check";
import {
  Command,
  NotReadyError,
  type OutputBufferPolicy,
  OutputTooLargeError,
  Reply,
  ScriptedRunner,
} from "../../mod.ts";
import { collect, failureOf, sh, sleep } from "../commands.ts";
import { isAlive, test } from "../harness.ts";
import { outcomeIn } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

async function kept(
  policy: OutputBufferPolicy,
  script = "seq 1 20000",
): Promise<[string, boolean]> {
  const { stdout, truncated } = await sh(script).outputBuffer(policy)
    .outputString();
  return [stdout, truncated];
}

test("all is kept by default, and when the limits are just enough", async () => {
  const all = (await sh("seq 1 20000").outputString()).stdout;
  assertEquals(all.length, 108894);
  assertEquals(await kept({}), [all, false]);
  for (const overflow of ["drop-oldest", "drop-newest", "error"] as const) {
    assertEquals(await kept({ maxLines: 20000, overflow }), [all, false]);
    assertEquals(await kept({ maxBytes: 108894, overflow }), [all, false]);
  }
});

test("the last lines are kept, or the first", async () => {
  assertEquals(await kept({ maxLines: 2 }), ["19999\n20000\n", true]);
  assertEquals(await kept({ maxLines: 2, overflow: "drop-newest" }), [
    "1\n2\n",
    true,
  ]);
  assertEquals(await kept({ maxLines: 2 }, "printf 'a\\nb\\nc'"), [
    "b\nc",
    true,
  ]);
  assertEquals(
    await kept({ maxLines: 2, overflow: "drop-newest" }, "printf 'a\\nb\\nc'"),
    ["a\nb\n", true],
  );
});

test("what is dropped is whole lines, so that no more than the bytes are kept", async () => {
  assertEquals(await kept({ maxBytes: 15 }), ["19999\n20000\n", true]);
  assertEquals(await kept({ maxBytes: 12 }), ["19999\n20000\n", true]);
  assertEquals(await kept({ maxBytes: 5, overflow: "drop-newest" }), [
    "1\n2\n",
    true,
  ]);
  assertEquals(await kept({ maxBytes: 1000, maxLines: 1 }), ["20000\n", true]);
  assertEquals(await kept({ maxBytes: 10, maxLines: 100 }), ["20000\n", true]);
});

test("of a line that is too long by itself a part is kept, in whole characters", async () => {
  const long = "printf 'éééé'";
  assertEquals(await kept({ maxBytes: 5 }, long), ["éé", true]);
  assertEquals(await kept({ maxBytes: 5, overflow: "drop-newest" }, long), [
    "éé",
    true,
  ]);
  assertEquals(await kept({ maxBytes: 4 }, "printf 'abcdefg\\n'"), [
    "efg\n",
    true,
  ]);
});

test("a line of 400 MB does not exhaust the memory that a limit allows", async () => {
  const answer = await outcomeIn("deno", {
    program: "sh",
    args: ["-c", "head -c 400000000 /dev/zero | tr '\\0' x"],
    maxBytes: 100_000,
    handler: true,
  });
  assertEquals([answer.stdout?.length, answer.truncated], [100_000, true]);
  assert(answer.growth! < 300e6, `${answer.growth}`);
  const same = await outcomeIn("bun", {
    program: "sh",
    args: ["-c", "head -c 400000000 /dev/zero | tr '\\0' x"],
    maxBytes: 100_000,
    handler: true,
  });
  assertEquals(same.stdout?.length, 100_000);
  assert(same.growth! < 300e6, `${same.growth}`);
});

test("line handlers and readers get as much of a line as may be kept", async () => {
  const script = "echo short; echo 0123456789; echo end";
  const heard: string[] = [];
  const command = sh(script).onStdoutLine((line) => void heard.push(line));
  for (
    const [overflow, part] of [
      ["drop-oldest", "56789"],
      ["drop-newest", "01234"],
    ] as const
  ) {
    heard.length = 0;
    const limited = command.outputBuffer({ maxBytes: 5, overflow });
    const result = await limited.outputString();
    assertEquals([heard, result.truncated], [["short", part, "end"], true]);
    await using process = await limited.start();
    assertEquals(await collect(process.stdoutLines()), ["short", part, "end"]);
  }
});

test("more than may be kept can be an error: then the run is ended", async () => {
  const error = await failureOf(
    new Command("yes").outputBuffer({ maxBytes: 10_000, overflow: "error" })
      .outputString(),
  );
  assertInstanceOf(error, OutputTooLargeError);
  assertEquals(error.kind, "output-too-large");
  assertStringIncludes(error.message, "stdout is more than 10000 bytes");
  const noisy = sh("yes >&2").outputBuffer({ maxLines: 10, overflow: "error" });
  await assertRejects<Error>(
    () => noisy.outputBytes(),
    OutputTooLargeError,
    "stderr is more than 10 lines",
  );
});

test("a live process that prints more than may be kept is ended, if nobody reads it", async () => {
  await using process = await new Command("yes").outputBuffer({
    maxLines: 1000,
    overflow: "error",
  }).start();
  await assertRejects(() => process.wait(), OutputTooLargeError);
  assert(!await isAlive(process.pid!));
  await using long = await sh("head -c 100000 /dev/zero | tr '\\0' x; sleep 60")
    .outputBuffer({ maxBytes: 1000, overflow: "error" }).start();
  await assertRejects(
    () => collect(long.stdoutLines()),
    OutputTooLargeError,
  );
});

test("a reader of lines is not limited: it sets the pace", async () => {
  await using process = await sh("seq 100000").outputBuffer({ maxLines: 10 })
    .start();
  const lines = process.stdoutLines();
  await sleep(100);
  const read = await collect(lines);
  // Only what came before anybody read is bounded.
  assert(read.length >= 10 && read.at(-1) === "100000", `${read.length}`);
});

test("what nobody reads of a live process is kept within its limits", async () => {
  await using process = await sh("seq 100000; echo err >&2").outputBuffer({
    maxLines: 2,
  }).start();
  await process.wait();
  const { stdout, stderr, truncated } = await process.outputString();
  assertEquals([stdout, stderr, truncated], ["99999\n100000\n", "err\n", true]);
});

test("a line can be waited for in what a limit has left", async () => {
  await using oldest = await sh("seq 100000; sleep 60").outputBuffer({
    maxLines: 100,
  }).start();
  assertEquals(
    await oldest.waitForLine((line) => line === "100000", 20_000),
    "100000",
  );
  await using newest = await sh("seq 100000; read x; echo more; sleep 60")
    .keepStdinOpen()
    .outputBuffer({ maxLines: 3, overflow: "drop-newest" }).start();
  const stdin = newest.takeStdin()!;
  assertEquals(await newest.waitForLine((line) => line === "3", 20_000), "3");
  while (newest.stdoutLineCount < 100000) await sleep(10);
  await stdin.writeLine("");
  assertEquals(
    await newest.waitForLine((line) => line === "more", 20_000),
    "more",
  );
});

test("a line that is waited for is found in the middle of more than may be kept", async () => {
  for (const overflow of ["drop-oldest", "drop-newest"] as const) {
    await using process = await sh(
      "seq 1000; sleep 0.2; seq 1001 50000; echo more; sleep 60",
    ).outputBuffer({ maxLines: 3, overflow }).start();
    assertEquals(
      await process.waitForLine((line) => line === "25000", 20_000),
      "25000",
    );
    // What was looked at in vain stays, within the limits.
    const error = await failureOf(process.waitForLine(() => false, 300));
    assertStringIncludes(String(error), "last line was");
    process.kill();
    const { stdout } = await process.outputString();
    assert(stdout.split("\n").length === 4, stdout);
  }
});

test("what was waited for in vain is not taken, whatever may be kept", async () => {
  const script =
    "seq 3; read x; seq 4 6; sleep 0.2; seq 100 110; read x; seq 7 9";
  for (
    const [overflow, kept] of [
      ["drop-newest", "1\n2\n3\n"],
      ["drop-oldest", "7\n8\n9\n"],
    ] as const
  ) {
    await using process = await sh(script).keepStdinOpen()
      .outputBuffer({ maxLines: 3, overflow }).start();
    const stdin = process.takeStdin()!;
    stdin.writeLine("");
    await assertRejects(
      () => process.waitForLine((line) => line === "7", 500),
      NotReadyError,
    );
    await stdin.writeLine("");
    const { stdout, truncated } = await process.outputString();
    assertEquals([stdout, truncated], [kept, true], overflow);
  }
});

test("run and parse refuse output of which some was dropped, and no others do", async () => {
  const command = sh("seq 10; seq 10 >&2").outputBuffer({ maxLines: 3 });
  await assertRejects<Error>(
    () => command.run(),
    OutputTooLargeError,
    "outputBuffer",
  );
  await assertRejects(() => command.parse(Number), OutputTooLargeError);
  assertEquals((await command.checked()).truncated, true);
  assertEquals(await command.exitCode(), 0);
  // What is missing of stderr is nothing to them.
  const whole = sh("seq 3; seq 10 >&2").outputBuffer({ maxLines: 3 });
  assertEquals(await whole.run(), "1\n2\n3");
  assertEquals((await whole.checked()).truncated, true);
});

test("bytes are kept within the same limits", async () => {
  const { stdout, truncated } = await sh("printf 'a\\n\\377\\n\\376'")
    .outputBuffer({ maxLines: 2 }).outputBytes();
  assertEquals([[...stdout], truncated], [[255, 10, 254], true]);
});

test("lines of UTF-16 are kept as whole as others", async () => {
  const script =
    "printf 'a\\000\\n\\000'; sleep 0.05; printf 'b\\000\\n'; sleep 0.05; printf '\\000c\\000'";
  const limited = sh(script).encoding("utf-16le");
  assertEquals(
    (await limited.outputBuffer({ maxLines: 2 }).outputString()).stdout,
    "b\nc",
  );
  assertEquals(
    (await limited.outputBuffer({ maxBytes: 7, overflow: "drop-newest" })
      .outputString()).stdout,
    "a\n",
  );
});

test("limits that are none are refused where they are set", () => {
  const command = new Command("x");
  for (const limit of [0, -1, 1.5, NaN, "5" as unknown as number]) {
    assertThrows(
      () => command.outputBuffer({ maxLines: limit }),
      RangeError,
      "maxLines",
    );
    assertThrows(
      () => command.outputBuffer({ maxBytes: limit }),
      RangeError,
      "maxBytes",
    );
  }
  assertThrows(
    () => command.outputBuffer({ overflow: "explode" as "error" }),
    TypeError,
    "explode",
  );
  command.outputBuffer({ maxLines: undefined, maxBytes: Infinity });
});

test("what is kept is the start or the end of it in whole lines, whatever it is", async () => {
  const text = fc.string({
    unit: fc.constantFrom("\n", "\n", "a", "é", "😀"),
    maxLength: 40,
  });
  const size = (text: string) => new TextEncoder().encode(text).length;
  const property = fc.asyncProperty(
    text,
    fc.integer({ min: 4, max: 30 }),
    fc.integer({ min: 1, max: 8 }),
    fc.constantFrom<"drop-oldest" | "drop-newest">(
      "drop-oldest",
      "drop-newest",
    ),
    async (text, maxBytes, maxLines, overflow) => {
      const { stdout, truncated } = await new ScriptedRunner()
        .fallback(Reply.ok(text))
        .outputString(
          new Command("x").outputBuffer({ maxBytes, maxLines, overflow }),
        );
      assertEquals(truncated, stdout !== text);
      assert(size(stdout) <= maxBytes);
      const lines = stdout.match(/[^\n]*\n|[^\n]+$/g) ?? [];
      assert(lines.length <= maxLines);
      if (!truncated) return;
      const all = text.match(/[^\n]*\n|[^\n]+$/g)!;
      const isOldest = overflow === "drop-oldest";
      assert(isOldest ? text.endsWith(stdout) : text.startsWith(stdout));
      // One more would have been too many, or too long; unless no whole line fits.
      const isWhole =
        all.slice(isOldest ? -lines.length : 0).slice(0, lines.length)
          .join("") === stdout;
      if (!isWhole) {
        assertEquals(lines.length, 1);
        assert(size(isOldest ? all.at(-1)! : all[0]) > maxBytes);
        return;
      }
      const next = isOldest ? all.at(-lines.length - 1)! : all[lines.length];
      assert(lines.length === maxLines || size(stdout + next) > maxBytes);
    },
  );
  await fc.assert(property, { numRuns: 2000 });
});
