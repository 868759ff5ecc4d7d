import fc from "fast-check";
import {
  Command,
  NotReadyError,
  type OutputBufferPolicy,
  OutputTooLargeError,
  Reply,
  ScriptedRunner,
} from "../../mod.ts";
import { collect, failureOf, sh } from "../commands.ts";
import { eventually, isAlive, runtimeName, test } from "../harness.ts";
import { outcomeIn } from "../runtimes.ts";
import { sized } from "../size.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const LONG = 60_000;

/** What is kept of the stdout of a script, and whether some was dropped. */
async function kept(
  policy: OutputBufferPolicy,
  script = "seq 1 20000",
): Promise<[string, boolean]> {
  const { stdout, truncated } = await sh(script).outputBuffer(policy)
    .outputString();
  return [stdout, truncated];
}

test("all output is kept by default, and with limits that are just enough", async () => {
  const all = (await sh("seq 1 20000").outputString()).stdout;
  assertEquals(all.length, 108894);
  assertEquals(await kept({}), [all, false]);
  for (const overflow of ["drop-oldest", "drop-newest", "error"] as const) {
    assertEquals(await kept({ maxLines: 20000, overflow }), [all, false]);
    assertEquals(await kept({ maxBytes: 108894, overflow }), [all, false]);
  }
});

test("drop-oldest keeps the last lines, and drop-newest the first", async () => {
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

test("whole lines are dropped, so that at most maxBytes bytes are kept", async () => {
  assertEquals(await kept({ maxBytes: 15 }), ["19999\n20000\n", true]);
  assertEquals(await kept({ maxBytes: 12 }), ["19999\n20000\n", true]);
  assertEquals(await kept({ maxBytes: 5, overflow: "drop-newest" }), [
    "1\n2\n",
    true,
  ]);
  assertEquals(await kept({ maxBytes: 1000, maxLines: 1 }), ["20000\n", true]);
  assertEquals(await kept({ maxBytes: 10, maxLines: 100 }), ["20000\n", true]);
});

test("a part of a line that is longer than maxBytes is kept, in whole characters", async () => {
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

test("a line of hundreds of megabytes does not take as much memory if maxBytes is small", async () => {
  const length = sized(200_000_000, 400_000_000);
  const answer = await outcomeIn(runtimeName, {
    program: "sh",
    args: ["-c", `head -c ${length} /dev/zero | tr '\\0' x`],
    maxBytes: 100_000,
    handler: true,
  });
  assertEquals([answer.stdout?.length, answer.truncated], [100_000, true]);
  assert(answer.growth! < 0.75 * length, `${answer.growth}`);
});

test("line handlers and readers get at most maxBytes bytes of a line", async () => {
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

test("with overflow error a run that prints more than the limits allow is ended", async () => {
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

test("with overflow error a live process that prints more than the limits allow is ended", async () => {
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

test("a reader of lines gets more lines than maxLines", async () => {
  await using process = await sh("read _; seq 100000").keepStdinOpen()
    .outputBuffer({ maxLines: 10 }).start();
  const lines = process.stdoutLines();
  await process.takeStdin()!.writeLine("");
  assertEquals((await lines.next()).value, "1");
  const rest = await collect(lines);
  assertEquals([rest.length, rest.at(-1)], [99_999, "100000"]);
});

test("the output of a live process that is not read is kept within the limits", async () => {
  await using process = await sh("seq 100000; echo err >&2").outputBuffer({
    maxLines: 2,
  }).start();
  await process.wait();
  const { stdout, stderr, truncated } = await process.outputString();
  assertEquals([stdout, stderr, truncated], ["99999\n100000\n", "err\n", true]);
});

test("waitForLine looks through the lines that the limits have kept", async () => {
  await using oldest = await sh("seq 100000; sleep 60").outputBuffer({
    maxLines: 100,
  }).start();
  assertEquals(
    await oldest.waitForLine((line) => line === "100000", LONG),
    "100000",
  );
  await using newest = await sh("seq 100000; read x; echo more; sleep 60")
    .keepStdinOpen()
    .outputBuffer({ maxLines: 3, overflow: "drop-newest" }).start();
  const stdin = newest.takeStdin()!;
  assertEquals(await newest.waitForLine((line) => line === "3", LONG), "3");
  await eventually(
    "all lines are read",
    () => newest.stdoutLineCount === 100_000,
  );
  await stdin.writeLine("");
  assertEquals(
    await newest.waitForLine((line) => line === "more", LONG),
    "more",
  );
});

test("waitForLine finds a line in the middle of more lines than the limits allow", async () => {
  for (const overflow of ["drop-oldest", "drop-newest"] as const) {
    await using process = await sh(
      "seq 1000; read _; seq 1001 30000; read _; seq 30001 50000; echo more; sleep 60",
    ).keepStdinOpen().outputBuffer({ maxLines: 3, overflow }).start();
    const stdin = process.takeStdin()!;
    const found = process.waitForLine((line) => line === "25000", LONG);
    await eventually(
      "the first lines are read",
      () => process.stdoutLineCount === 1000,
    );
    await stdin.writeLine("");
    assertEquals(await found, "25000");
    // Lines that do not match stay, within the limits.
    const search = failureOf(process.waitForLine((line) => {
      if (line === "more") process.kill();
      return false;
    }, LONG));
    await stdin.writeLine("");
    const error = await search;
    assertInstanceOf(error, NotReadyError);
    assertStringIncludes(error.message, 'last line was "more"');
    const { stdout } = await process.outputString();
    assertEquals(stdout.split("\n").length, 4, stdout);
  }
});

test("a waitForLine that finds no line takes nothing, within the limits", async () => {
  const script = "seq 3; read _; seq 4 6; read _; seq 100 110; read _; seq 7 9";
  for (
    const [overflow, kept] of [
      ["drop-newest", "1\n2\n3\n"],
      ["drop-oldest", "7\n8\n9\n"],
    ] as const
  ) {
    await using process = await sh(script).keepStdinOpen()
      .outputBuffer({ maxLines: 3, overflow }).start();
    const stdin = process.takeStdin()!;
    const searching = assertRejects(
      () => process.waitForLine((line) => line === "7", 300),
      NotReadyError,
    );
    // All this is printed during the search, or on a busy machine after it.
    for (const lines of [3, 6]) {
      await process.waitFor(() => process.stdoutLineCount === lines, LONG);
      await stdin.writeLine("");
    }
    await searching;
    await stdin.writeLine("");
    const { stdout, truncated } = await process.outputString();
    assertEquals([stdout, truncated], [kept, true], overflow);
  }
});

test("run and parse reject if some of stdout was dropped, and other verbs do not", async () => {
  const command = sh("seq 10; seq 10 >&2").outputBuffer({ maxLines: 3 });
  await assertRejects<Error>(
    () => command.run(),
    OutputTooLargeError,
    "outputBuffer",
  );
  await assertRejects(() => command.parse(Number), OutputTooLargeError);
  assertEquals((await command.checked()).truncated, true);
  assertEquals(await command.exitCode(), 0);
  // run does not return stderr, so it does not matter that some was dropped.
  const whole = sh("seq 3; seq 10 >&2").outputBuffer({ maxLines: 3 });
  assertEquals(await whole.run(), "1\n2\n3");
  assertEquals((await whole.checked()).truncated, true);
});

test("outputBytes keeps bytes within the same limits", async () => {
  const { stdout, truncated } = await sh("printf 'a\\n\\377\\n\\376'")
    .outputBuffer({ maxLines: 2 }).outputBytes();
  assertEquals([[...stdout], truncated], [[255, 10, 254], true]);
});

test("lines of UTF-16 are kept whole, too", async () => {
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

test("an invalid limit is refused where it is set", () => {
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

test("outputBuffer keeps the start or the end of any text, in whole lines", async () => {
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
      // Unless no whole line fits, one more line would exceed a limit.
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
  await fc.assert(property, { numRuns: sized(500, 2000) });
});
