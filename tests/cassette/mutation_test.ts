import { writeFile } from "node:fs/promises";
import process from "node:process";
import {
  Cassette,
  CassetteError,
  CassetteMissError,
  Command,
  RecordReplayRunner,
} from "../../mod.ts";
import { temporaryFolder, test } from "../harness.ts";
import { sized } from "../size.ts";
import { assert, assertInstanceOf } from "../std.ts";

/**
 * The most processor time that parsing one file may take. The slowest takes about 15 ms;
 * time that grows with the square of the length would be minutes.
 */
const SLOWEST_MS = 1000;

/** An entry with every known field and an unknown one. */
const ENTRY = {
  program: "tool",
  args: ["a", "\u{1f600}", ""],
  cwd: "/dir",
  has_stdin: true,
  env_names: ["LANG"],
  stdout: "one\ufffd\n",
  stderr: "two\n",
  code: 0,
  truncated_streams: ["stdout"],
  stdout_base64: "b25l/wo=",
  env_digests: { LANG: "99b98c2955ce90b6", TZ: null },
  timing: {
    output: [
      { at: 0, stream: "stdout", text: "one\ufffd\n" },
      { at: 5, stream: "stderr", text: "two\n" },
    ],
    end: 9,
  },
  later: [1, { x: "y" }],
};
const PLAIN = { program: "tool", args: [], stdout: "", stderr: "", code: 0 };
const TEXT = JSON.stringify({ version: 1, entries: [ENTRY, PLAIN] }, null, 1)
  .replace('"has_stdin"', '"stdin_digest": 18446744073709551615, "has_stdin"');

const PIECES = [
  ...[
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\\",
    "\\u",
    "\\ud800",
    "\ud800",
    "\0",
  ],
  ...["null", "true", "1e400", "-0", "0.1", "1e3", "-", "9".repeat(400)],
  ...['"stdout"', '"timing"', '"stdin_digest"', '"__proto__":1,', "\ufeff"],
  ...["[".repeat(50_000), '{"a":'.repeat(20_000), "x".repeat(100_000)],
];

/** Makes changes that look random and are the same in every run. */
class Mutator {
  #state = 20261125;

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * limit);
  }

  /** The text with one to three changes. */
  mutated(text: string): string {
    let result = text;
    for (let changes = 1 + this.below(3); changes > 0; changes--) {
      const at = this.below(result.length + 1);
      const length = this.below(4) === 0 ? this.below(200) : this.below(3);
      // Long pieces are rare: they are there for the time that they take.
      const piece = this.below(20) === 0
        ? PIECES[this.below(PIECES.length)]
        : this.below(2) === 0
        ? PIECES[this.below(PIECES.length - 3)]
        : result.slice(this.below(result.length)).slice(0, this.below(60));
      result = result.slice(0, at) + piece + result.slice(at + length);
    }
    return result;
  }

  /** The data with one value replaced, so that it stays JSON. */
  replaced(value: unknown): unknown {
    // Half of the replacements are of the same type.
    if (typeof value === "string" && this.below(2) === 0) {
      return this.mutated(value);
    }
    if (typeof value === "number" && this.below(2) === 0) {
      return this.below(2 ** 32);
    }
    if (
      typeof value !== "object" || value === null || this.below(20) === 0
    ) return VALUES[this.below(VALUES.length)];
    if (Array.isArray(value)) {
      const at = this.below(value.length + 1);
      return at === value.length
        ? [...value, "x"]
        : value.with(at, this.replaced(value[at]));
    }
    const names = Object.keys(value);
    if (names.length === 0) return [];
    const name = names[this.below(names.length)];
    return {
      ...value,
      [name]: this.replaced((value as Record<string, unknown>)[name]),
    };
  }
}

const VALUES = [
  ...[null, true, 0, -1, 1.5, 2 ** 53, "", "x", [], {}, [1], undefined],
];

test("every mutated cassette parses or is a CassetteError, in less than a second", () => {
  const count = sized(5000, 100_000);
  const mutator = new Mutator();
  let parsed = 0;
  for (let index = 0; index < count; index++) {
    const changed = index % 2 === 0 ? mutator.mutated(TEXT) : JSON.stringify({
      version: 1,
      entries: mutator.replaced([ENTRY, PLAIN]),
    });
    const before = processorMs();
    try {
      const printed = Cassette.parse(changed).toString();
      parsed++;
      if (index % 10 === 1) Cassette.parse(printed);
    } catch (error) {
      assertInstanceOf(
        error,
        CassetteError,
        `${error}: ${changed.slice(0, 4000)}`,
      );
      assert(error.message.length < 1000, error.message);
    }
    const took = processorMs() - before;
    assert(took < SLOWEST_MS, `${took} ms: ${changed.slice(0, 4000)}`);
  }
  // Both happen often.
  assert(parsed > count / 20 && parsed < count / 2, `${parsed} parsed`);
});

/** The processor time that this process has used, in milliseconds. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

test("a mutated cassette file replays, or is a CassetteError or a miss", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const text = JSON.stringify({
    version: 1,
    entries: [{ ...ENTRY, has_stdin: false, env_names: [] }],
  });
  const tool = new Command("tool", ENTRY.args).cwd("/dir");
  const count = sized(200, 1000);
  const mutator = new Mutator();
  let replayed = 0;
  for (let index = 0; index < count; index++) {
    const bytes = new TextEncoder().encode(
      index % 2 === 0
        ? mutator.mutated(text)
        : JSON.stringify(mutator.replaced(JSON.parse(text))),
    );
    if (bytes.length > 0 && index % 4 === 0) {
      bytes[mutator.below(bytes.length)] = mutator.below(256);
    }
    await writeFile(path, bytes);
    try {
      const replayer = await RecordReplayRunner.replay(path, { speed: 1000 });
      await replayer.outputBytes(tool);
      await replayer.outputString(tool);
      await using process = await replayer.start(tool.timeout(50));
      await process.outputString();
      replayed++;
    } catch (error) {
      const isExpected = error instanceof CassetteError ||
        error instanceof CassetteMissError;
      assert(isExpected, `${error}`);
    }
  }
  assert(replayed > count / 50, `${replayed} replayed`);
});
