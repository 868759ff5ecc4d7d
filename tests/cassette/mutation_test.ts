import { writeFile } from "node:fs/promises";
import {
  Cassette,
  CassetteError,
  CassetteMissError,
  Command,
  RecordReplayRunner,
} from "../../mod.ts";
import { temporaryFolder, test } from "../harness.ts";
import { assert, assertInstanceOf } from "../std.ts";

const COUNT = 100_000;
const SLOWEST_MS = 1000;

/** An entry with every field there is, and an unknown one. */
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

/** Numbers that look random, and are the same in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed;;) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

const random = numbers(20261125);

function below(limit: number): number {
  return Math.floor(random.next().value * limit);
}

/** The text with one to three things changed in it. */
function mutated(text: string): string {
  let result = text;
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const at = below(result.length + 1);
    const length = below(4) === 0 ? below(200) : below(3);
    // Most of them short: the long ones are there for the time that they take.
    const piece = below(20) === 0
      ? PIECES[below(PIECES.length)]
      : below(2) === 0
      ? PIECES[below(PIECES.length - 3)]
      : result.slice(below(result.length)).slice(0, below(60));
    result = result.slice(0, at) + piece + result.slice(at + length);
  }
  return result;
}

/** The data with one value in it replaced, so that it stays JSON. */
function replaced(value: unknown): unknown {
  // Half of the time what is put there is of the same kind.
  if (typeof value === "string" && below(2) === 0) return mutated(value);
  if (typeof value === "number" && below(2) === 0) return below(2 ** 32);
  if (typeof value !== "object" || value === null || below(20) === 0) {
    const values = [
      null,
      true,
      0,
      -1,
      1.5,
      2 ** 53,
      "",
      "x",
      [],
      {},
      [1],
      undefined,
    ];
    return values[below(values.length)];
  }
  if (Array.isArray(value)) {
    const at = below(value.length + 1);
    return value.with === undefined || at === value.length
      ? [...value, "x"]
      : value.with(at, replaced(value[at]));
  }
  const names = Object.keys(value);
  if (names.length === 0) return [];
  const name = names[below(names.length)];
  return {
    ...value,
    [name]: replaced((value as Record<string, unknown>)[name]),
  };
}

test("a hundred thousand mutated cassettes load or are a CassetteError, and none takes a second", () => {
  let loaded = 0;
  for (let count = 0; count < COUNT; count++) {
    const changed = count % 2 === 0 ? mutated(TEXT) : JSON.stringify({
      version: 1,
      entries: replaced([ENTRY, PLAIN]),
    });
    const start = performance.now();
    try {
      const printed = Cassette.parse(changed).toString();
      loaded++;
      if (count % 10 === 1) Cassette.parse(printed);
    } catch (error) {
      assertInstanceOf(
        error,
        CassetteError,
        `${error}: ${changed.slice(0, 4000)}`,
      );
      assert(error.message.length < 1000, error.message);
    }
    const took = performance.now() - start;
    assert(took < SLOWEST_MS, `${took} ms: ${changed.slice(0, 4000)}`);
  }
  assert(loaded > 5000 && loaded < COUNT - 50_000, `${loaded} loaded`);
});

test("what loads of mutated files plays, or is a miss", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const text = JSON.stringify({
    version: 1,
    entries: [{ ...ENTRY, has_stdin: false, env_names: [] }],
  });
  const tool = new Command("tool", ENTRY.args).cwd("/dir");
  let played = 0;
  for (let count = 0; count < 1000; count++) {
    const bytes = new TextEncoder().encode(
      count % 2 === 0
        ? mutated(text)
        : JSON.stringify(replaced(JSON.parse(text))),
    );
    if (bytes.length > 0 && count % 4 === 0) {
      bytes[below(bytes.length)] = below(256);
    }
    await writeFile(path, bytes);
    try {
      const replayer = await RecordReplayRunner.replay(path, { speed: 1000 });
      await replayer.outputBytes(tool);
      await replayer.outputString(tool);
      await using process = await replayer.start(tool.timeout(500));
      await process.outputString();
      played++;
    } catch (error) {
      const isExpected = error instanceof CassetteError ||
        error instanceof CassetteMissError;
      assert(isExpected, `${error}`);
    }
  }
  assert(played > 20, `${played} played`);
});
