import fc from "fast-check";
import {
  Cassette,
  CassetteError,
  Command,
  type Outcome,
  ProcessResult,
  ProcessRunner,
  RecordReplayRunner,
  Stdin,
} from "../../mod.ts";
import { temporaryFolder, test } from "../harness.ts";
import { sized } from "../size.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

const text = fc.string({ unit: "grapheme", maxLength: 12 });
const anyText = fc.oneof(text, fc.string({ unit: "binary", maxLength: 12 }));
const argument = anyText.filter((value) => !value.includes("\0"));
const name = argument.filter((value) => value !== "" && !value.includes("="));
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  int32.map((code) => ({ kind: "exited" as const, code })),
  fc.option(int32).map((signal) => ({ kind: "signalled" as const, signal })),
  fc.constant({ kind: "timed-out" as const }),
);
const stdin = fc.oneof(
  fc.constant(Stdin.empty()),
  text.map(Stdin.fromString),
  fc.uint8Array({ maxLength: 40 }).map(Stdin.fromBytes),
  name.map(Stdin.fromFile),
);
const command = fc.record({
  program: name,
  args: fc.array(argument),
  cwd: fc.option(name),
  stdin,
  variables: fc.array(name),
})
  .map(({ program, args, cwd, stdin, variables }) => {
    const plain = new Command(program, args).stdin(stdin).env(
      Object.fromEntries(variables.map((name) => [name, "v"])),
    );
    return cwd === null ? plain : plain.cwd(cwd);
  });
const run = fc.record({ command, outcome, stdout: anyText, stderr: anyText });

/** Answers each call with the next of the given results. */
class Answers extends ProcessRunner {
  readonly #results: ProcessResult<string>[];

  constructor(results: ProcessResult<string>[]) {
    super();
    this.#results = [...results];
  }

  override outputString(): Promise<ProcessResult<string>> {
    const result = this.#results.shift();
    return result === undefined
      ? Promise.reject(new Error("asked too often"))
      : Promise.resolve(result);
  }
}

test("any recorded runs are replayed unchanged", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await fc.assert(
    fc.asyncProperty(fc.array(run, { maxLength: 8 }), async (runs) => {
      const results = runs.map(({ command, outcome, stdout, stderr }) =>
        new ProcessResult({
          program: command.invocation.program,
          outcome,
          stdout,
          stderr,
        })
      );
      await RecordReplayRunner.recording(
        path,
        new Answers(results),
        async (runner) => {
          for (const { command } of runs) await runner.outputString(command);
        },
      );
      const replayer = await RecordReplayRunner.replay(path);
      for (const [index, { command }] of runs.entries()) {
        assertEquals(await replayer.outputString(command), results[index]);
      }
      const cassette = await Cassette.read(path);
      assertEquals(
        Cassette.parse(cassette.toString()).toString(),
        cassette.toString(),
      );
    }),
    { numRuns: sized(25, 300) },
  );
});

test("the digest of any stdin is the FNV-1a hash of the tag and the bytes", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const answer = () =>
    new ProcessResult({
      program: "x",
      outcome: { kind: "exited", code: 0 },
      stdout: "",
      stderr: "",
    });
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await RecordReplayRunner.recording(
        path,
        new Answers([answer()]),
        (runner) => runner.run(new Command("x").stdin(bytes)),
      );
      let expected = 0xcbf29ce484222325n;
      for (const byte of [1, ...bytes]) {
        expected = ((expected ^ BigInt(byte)) * 0x100000001b3n) &
          0xffffffffffffffffn;
      }
      assertEquals(
        (await Cassette.read(path)).entries[0].stdinDigest,
        expected,
      );
    }),
    { numRuns: sized(25, 200) },
  );
});

test("a cassette text with any one change parses or is a CassetteError", () => {
  const valid =
    `{"version":1,"entries":[{"program":"p","args":["a"],"cwd":"/","stdin_digest":18446744073709551615,` +
    `"has_stdin":true,"env_names":["N"],"stdout":"o\\u00e9","stderr":"","code":0,"x":{"y":[1.0]}}]}`;
  const marks = [
    ...['"', "{", "}", "[", "]", ",", ":", "\\", "\\u", "null", "1e400", "-0"],
    ...["0.1", "__proto__", "stdin_digest"],
  ];
  const numRuns = sized(500, 5000);
  let refused = 0;
  fc.assert(
    fc.property(
      fc.nat(valid.length),
      fc.nat(4),
      fc.oneof(fc.constantFrom(...marks), text),
      (at, length, piece) => {
        const changed = valid.slice(0, at) + piece + valid.slice(at + length);
        try {
          const printed = Cassette.parse(changed).toString();
          assertEquals(Cassette.parse(printed).toString(), printed);
        } catch (error) {
          assertInstanceOf(error, CassetteError, `${changed}: ${error}`);
          refused++;
        }
      },
    ),
    { numRuns },
  );
  assert(refused > numRuns / 5, `${refused} refused`);
});
