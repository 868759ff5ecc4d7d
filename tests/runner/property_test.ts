import fc from "fast-check";
import { Command } from "../../mod.ts";
import { test } from "../harness.ts";
import { sized } from "../size.ts";
import { assertEquals } from "../std.ts";

const bytes = fc.array(
  fc.oneof(
    fc.constantFrom(
      0x0a,
      0x0d,
      0x41,
      0xc3,
      0xa9,
      0xe2,
      0x82,
      0xac,
      0xf0,
      0x9f,
      0x98,
      0x80,
      0xed,
      0xff,
      0xef,
      0xbb,
      0xbf,
    ),
    fc.nat(255),
  ),
  { maxLength: 30 },
);

/** The escape sequence of a byte in a format string of the shell's printf. */
function escaped(byte: number): string {
  return `\\${byte.toString(8).padStart(3, "0")}`;
}

test("text and lines do not depend on how the output is split into writes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(bytes, { minLength: 1, maxLength: 4 }),
      async (writes) => {
        const script = writes.map((write) =>
          `printf '${write.map(escaped).join("")}'`
        ).join("; sleep 0.003; ");
        const lines: string[] = [];
        const { stdout } = await new Command("sh", ["-c", script]).onStdoutLine(
          (line) => void lines.push(line),
        )
          .outputString();
        const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
          new Uint8Array(writes.flat()),
        );
        assertEquals(stdout, whole);
        const expected = whole.split("\n").map((line, index, all) =>
          index < all.length - 1 && line.endsWith("\r")
            ? line.slice(0, -1)
            : line
        );
        if (expected.at(-1) === "") expected.pop();
        assertEquals(lines, expected);
      },
    ),
    { numRuns: sized(50, 500) },
  );
});
