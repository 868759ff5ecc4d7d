// What counts as a line, by every way in which lines are had.

import fc from "fast-check";
import {
  Command,
  Reply,
  type RunningProcess,
  ScriptedRunner,
} from "../../mod.ts";
import { collect, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import { assert, assertEquals } from "../std.ts";

const LONG = 60_000;

/** Every way to have the lines of a live process. */
const ways: Readonly<
  Record<string, (process: RunningProcess) => Promise<string[]>>
> = {
  stdoutLines: async (process) => await collect(process.stdoutLines()),
  async events(process) {
    const lines: string[] = [];
    for await (const event of process.events()) {
      if (event.kind === "stdout") lines.push(event.line);
    }
    return lines;
  },
  async waitForLine(process) {
    const lines: string[] = [];
    for (;;) {
      try {
        lines.push(await process.waitForLine(() => true, LONG));
      } catch {
        return lines;
      }
    }
  },
};

async function linesOf(command: Command): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const [name, lines] of Object.entries(ways)) {
    await using process = await command.start();
    found[name] = await lines(process);
    assertEquals(process.stdoutLineCount, found[name].length, name);
  }
  const handled: string[] = [];
  await command.onStdoutLine((line) => void handled.push(line)).outputString();
  return { ...found, onStdoutLine: handled };
}

async function assertLines(command: Command, expected: string[]) {
  for (const [name, lines] of Object.entries(await linesOf(command))) {
    assertEquals(lines, expected, name);
  }
}

/** Prints pieces, with a pause between them: they are read one by one. */
function pieces(...texts: string[]): Command {
  return sh(texts.map((text) => `printf '${text}'`).join("; sleep 0.05; "));
}

test("one carriage return before a line's end goes with it, wherever it is cut", async () => {
  await assertLines(pieces("a\\r\\nb\\r", "\\nc\\r\\r\\n\\r\\n", "d\\r"), [
    "a",
    "b",
    "c\r",
    "",
    "d\r",
  ]);
});

test("a last line without an end is a line, and no output is none", async () => {
  await assertLines(pieces("a\\n", "b"), ["a", "b"]);
  await assertLines(pieces("a\\n\\n"), ["a", ""]);
  await assertLines(new Command("true"), []);
});

test("with cr a progress bar's every drawing is a line, as soon as it is there", async () => {
  const bar = pieces("10%%\\r", "20%%\\r\\n", "done\\r", "\\nend")
    .lineTerminator("cr");
  await assertLines(bar, ["10%", "20%", "done", "end"]);
  await using process = await sh("printf '10%%\\r'; sleep 60")
    .lineTerminator("cr").start();
  assertEquals((await process.stdoutLines().next()).value, "10%");
});

test("a line that was taken at its carriage return takes its line feed with it", async () => {
  await using process = await pieces("10%%\\r", "\\nend\\n").lineTerminator(
    "cr",
  )
    .start();
  assertEquals(await process.waitForLine(() => true, LONG), "10%");
  assertEquals(await collect(process.stdoutLines()), ["end"]);
});

test("characters that are cut in two come out whole, in UTF-8 and in UTF-16", async () => {
  await assertLines(
    pieces("h\\303", "\\251 \\360\\237", "\\230\\200\\n\\342\\202", "\\254"),
    ["hé 😀", "€"],
  );
  await assertLines(
    pieces("a\\000\\351", "\\000\\n\\000", "\\n", "\\000\\012\\001b", "\\000")
      .encoding("utf-16le"),
    ["aé", "", "\u010ab"],
  );
  await assertLines(
    pieces("\\000a\\000", "\\351\\000\\n\\001", "\\012\\000b")
      .encoding("utf-16be"),
    ["aé", "\u010ab"],
  );
});

test("half a code unit that waits when stdout is taken is the taker's", async () => {
  const command = pieces("a\\000b", "\\000\\n\\000c\\000\\n\\000").encoding(
    "utf-16le",
  );
  const taken = async () => {
    const process = await command.start();
    await process.waitFor(() => process.stdoutByteCount === 3, LONG);
    return process;
  };
  await using lines = await taken();
  assertEquals(await collect(lines.stdoutLines()), ["ab", "c"]);
  await using text = await taken();
  assertEquals((await text.outputString()).stdout, "ab\nc\n");
  await using stream = await taken();
  const bytes = (await collect(stream.stdoutStream())).flatMap((piece) => [
    ...piece,
  ]);
  assertEquals(bytes, [97, 0, 98, 0, 10, 0, 99, 0, 10, 0]);
});

test("a line of 50 MB is a line, and takes no longer than it has to", async () => {
  const command = sh(
    "echo short; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end",
  );
  const found = await linesOf(command);
  for (const [name, lines] of Object.entries(found)) {
    assertEquals(
      lines.map(({ length }) => length),
      [5, 50_000_000, 3],
      name,
    );
  }
  await using process = await command.start();
  const started = performance.now();
  // It is looked at whenever more of it comes, and never as a whole.
  await process.waitForOutput((text) => text === "end", LONG);
  assert(performance.now() - started < 30_000);
});

test("lines are the same by every way, whatever the text and however it is cut", async () => {
  const text = fc.string({
    unit: fc.constantFrom("\n", "\r", "a", "é", "😀", "\u2028", "\ufeff"),
    maxLength: 12,
  });
  const property = fc.asyncProperty(
    fc.array(text, { maxLength: 6 }),
    fc.constantFrom<"lf" | "cr">("lf", "cr"),
    async (texts, terminator) => {
      const expected = expectedLines(texts.join(""), terminator);
      const command = new Command("x").lineTerminator(terminator)
        .keepStdinOpen();
      for (const [name, lines] of Object.entries(ways)) {
        const runner = new ScriptedRunner().fallback(replyInPieces(texts));
        await using process = await runner.start(command);
        const stdin = process.takeStdin()!;
        const reading = lines(process);
        for (const _ of texts) await stdin.writeLine("");
        await stdin.finish();
        assertEquals(await reading, expected, name);
        await process.wait();
        assertEquals(process.stdoutLineCount, expected.length, name);
      }
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

/** Prints the next of the pieces for each line of its input. */
function replyInPieces(texts: readonly string[]): Reply {
  let next = 0;
  return Reply.dialogue("", () => texts[next++] ?? null);
}

/** By the words of the definition, rather than as the library goes about it. */
function expectedLines(text: string, terminator: "lf" | "cr"): string[] {
  const lines = text.split(terminator === "lf" ? "\n" : /\r\n|\n|\r/);
  const last = lines.pop()!;
  const ended = terminator === "lf"
    ? lines.map((line) => line.replace(/\r$/, ""))
    : lines;
  return last === "" ? ended : [...ended, last];
}

test("a stream that ends in the middle of a character says so", async () => {
  await using folder = await temporaryFolder();
  const command = sh('printf "a\\342\\202" | tee "$1"', folder.file("copy"));
  await assertLines(command, ["a\ufffd"]);
});
