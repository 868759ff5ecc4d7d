// What counts as a line, by every API that gives lines.

import fc from "fast-check";
import {
  Command,
  NotReadyError,
  Reply,
  type RunningProcess,
  ScriptedRunner,
  Stdin,
} from "../../mod.ts";
import { collect, sh, sleep } from "../commands.ts";
import { eventually, test } from "../harness.ts";
import { sized } from "../size.ts";
import { assertEquals, assertInstanceOf } from "../std.ts";

const LONG = 60_000;

/** Each API that gives the lines of a live process. */
const READERS: Readonly<
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
      } catch (error) {
        assertInstanceOf(error, NotReadyError);
        return lines;
      }
    }
  },
};

/** A command, and how many bytes of stdout it prints for each line of stdin. */
interface Steps {
  readonly command: Command;
  readonly lengths: readonly number[];
}

/** Prints the next of the pieces for each line of its stdin; a character stands for a byte. */
function pieces(...texts: string[]): Steps {
  const script = texts.map((text) => `read _; printf '${escaped(text)}'`);
  return {
    command: sh(script.join("; ")),
    lengths: texts.map(({ length }) => length),
  };
}

/** The format string for the shell's printf that prints these bytes. */
function escaped(bytes: string): string {
  return Array.from(
    bytes,
    (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`,
  ).join("");
}

/** Writes a line to stdin for each piece, when all pieces before it have been read. */
async function step(
  process: RunningProcess,
  lengths: readonly number[],
): Promise<void> {
  const stdin = process.takeStdin()!;
  let expected = 0;
  for (const length of lengths) {
    await eventually(
      `${expected} bytes are read`,
      () => process.stdoutByteCount === expected,
    );
    await stdin.writeLine("");
    expected += length;
  }
}

/** The lines of a command's stdout, by each API. */
async function linesOf(
  { command, lengths }: Steps,
): Promise<Record<string, string[]>> {
  const live = Object.entries(READERS).map(async ([name, read]) => {
    await using process = await command.keepStdinOpen().start();
    const [lines] = await Promise.all([read(process), step(process, lengths)]);
    assertEquals(process.stdoutLineCount, lines.length, name);
    return [name, lines] as const;
  });
  const handled = async () => {
    const lines: string[] = [];
    await using process = await command.keepStdinOpen()
      .onStdoutLine((line) => void lines.push(line)).start();
    await step(process, lengths);
    await process.outputString();
    return ["onStdoutLine", lines] as const;
  };
  const handledByVerb = async () => {
    const lines: string[] = [];
    async function* go() {
      for (const _ of lengths) {
        await sleep(20);
        yield "";
      }
    }
    await command.stdin(Stdin.fromAsyncLines(go()))
      .onStdoutLine((line) => void lines.push(line)).outputString();
    return ["onStdoutLine of a verb", lines] as const;
  };
  return Object.fromEntries(
    await Promise.all([...live, handled(), handledByVerb()]),
  );
}

async function assertLines(steps: Steps, expected: string[]) {
  for (const [name, lines] of Object.entries(await linesOf(steps))) {
    assertEquals(lines, expected, name);
  }
}

test("one carriage return before a line feed is not part of the line, however the output is split", async () => {
  await assertLines(pieces("a\r\nb\r", "\nc\r\r\n\r\n", "d\r"), [
    "a",
    "b",
    "c\r",
    "",
    "d\r",
  ]);
});

test("a last line without a line feed is a line, and empty output has no lines", async () => {
  await assertLines(pieces("a\n", "b"), ["a", "b"]);
  await assertLines(pieces("a\n\n"), ["a", ""]);
  await assertLines({ command: new Command("true"), lengths: [] }, []);
});

test("with lineTerminator cr each update of a progress bar is a line as soon as it is printed", async () => {
  const { command, lengths } = pieces("10%\r", "20%\r\n", "done\r", "\nend");
  await assertLines({ command: command.lineTerminator("cr"), lengths }, [
    "10%",
    "20%",
    "done",
    "end",
  ]);
  await using process = await sh("printf '10%%\\r'; sleep 60")
    .lineTerminator("cr").start();
  assertEquals((await process.stdoutLines().next()).value, "10%");
});

test("a line feed after the carriage return of a line that was taken does not begin a new line", async () => {
  const { command } = pieces("10%\r", "\nend\n");
  await using process = await command.lineTerminator("cr").keepStdinOpen()
    .start();
  const stdin = process.takeStdin()!;
  await stdin.writeLine("");
  assertEquals(await process.waitForLine(() => true, LONG), "10%");
  await stdin.writeLine("");
  assertEquals(await collect(process.stdoutLines()), ["end"]);
});

test("a character that is split between two reads is decoded as one, in UTF-8 and UTF-16", async () => {
  await assertLines(
    pieces("h\xc3", "\xa9 \xf0\x9f", "\x98\x80\n\xe2\x82", "\xac"),
    ["hé 😀", "€"],
  );
  const little = pieces("a\0\xe9", "\0\n\0", "\n", "\0\x0a\x01b", "\0");
  await assertLines(
    { ...little, command: little.command.encoding("utf-16le") },
    ["aé", "", "\u010ab"],
  );
  const big = pieces("\0a\0", "\xe9\0\n\x01", "\x0a\0b");
  await assertLines(
    { ...big, command: big.command.encoding("utf-16be") },
    ["aé", "\u010ab"],
  );
});

test("half a UTF-16 code unit that was read before stdout is taken goes to the consumer", async () => {
  const { command } = pieces("a\0b", "\0\n\0c\0\n\0");
  const half = async () => {
    const process = await command.encoding("utf-16le").keepStdinOpen().start();
    const stdin = process.takeStdin()!;
    await stdin.writeLine("");
    await process.waitFor(() => process.stdoutByteCount === 3, LONG);
    return { process, go: () => stdin.writeLine("") };
  };
  const one = await half();
  await using lines = one.process;
  const reading = collect(lines.stdoutLines());
  await one.go();
  assertEquals(await reading, ["ab", "c"]);
  const two = await half();
  await using text = two.process;
  const result = text.outputString();
  await two.go();
  assertEquals((await result).stdout, "ab\nc\n");
  const three = await half();
  await using stream = three.process;
  const bytes = collect(stream.stdoutStream());
  await three.go();
  assertEquals((await bytes).flatMap((piece) => [...piece]), [
    97,
    0,
    98,
    0,
    10,
    0,
    99,
    0,
    10,
    0,
  ]);
});

test("a line of many megabytes is one line, and waitForOutput sees only its end until it is complete", async () => {
  const length = sized(10_000_000, 50_000_000);
  const command = sh(
    `echo short; head -c ${length} /dev/zero | tr '\\0' x; echo; echo end`,
  );
  const found = await linesOf({ command, lengths: [] });
  for (const [name, lines] of Object.entries(found)) {
    assertEquals(lines.map(({ length }) => length), [5, length, 3], name);
  }
  await using process = await command.start();
  const long: number[] = [];
  await process.waitForOutput((text) => {
    if (text.length > 1_000_000) long.push(text.length);
    return text === "end";
  }, LONG);
  // If it saw the whole line at every read, the time would be quadratic.
  assertEquals(long, [length]);
});

test("every API gives the same lines, for any text split anywhere", async () => {
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
      for (const [name, read] of Object.entries(READERS)) {
        const runner = new ScriptedRunner().fallback(replyInPieces(texts));
        await using process = await runner.start(command);
        const stdin = process.takeStdin()!;
        const reading = read(process);
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

/** Prints the next of the texts for each line of stdin. */
function replyInPieces(texts: readonly string[]): Reply {
  let next = 0;
  return Reply.dialogue("", () => texts[next++] ?? null);
}

/** The lines of a text by the definition of a line, without the library's code. */
function expectedLines(text: string, terminator: "lf" | "cr"): string[] {
  const lines = text.split(terminator === "lf" ? "\n" : /\r\n|\n|\r/);
  const last = lines.pop()!;
  const ended = terminator === "lf"
    ? lines.map((line) => line.replace(/\r$/, ""))
    : lines;
  return last === "" ? ended : [...ended, last];
}

test("a character that the end of the output cuts off becomes U+FFFD", async () => {
  await assertLines(pieces("a\xe2\x82"), ["a\ufffd"]);
});
