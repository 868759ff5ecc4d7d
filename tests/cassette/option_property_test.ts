import { readFile } from "node:fs/promises";
import fc from "fast-check";
import {
  Cassette,
  type CassetteOptions,
  Command,
  type Outcome,
  paths,
  ProcessResult,
  ProcessRunner,
  RecordReplayRunner,
  redactEnv,
} from "../../mod.ts";
import { sleep } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import { sized } from "../size.ts";
import { assert, assertEquals } from "../std.ts";

const { process } = globalThis as unknown as { process: { cwd(): string } };
const SECRET = "s3cr3t-of-this-test";

/** Any Unicode text, mixed with words that have a meaning to the options. */
const text = fc.array(
  fc.oneof(
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.constantFrom(
      ...[SECRET, SECRET.slice(0, 5), process.cwd(), "/tmp/x", "<CWD>"],
      ...["<\\CWD>", "<env:TOKEN>", "<", "\\", ">", "\r\n", "\u{1f600}"],
    ),
  ),
  { maxLength: 5 },
).map((parts) => parts.join(""));
const word = text.map((value) => value.replaceAll("\0", ""));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  text.map((value) => new TextEncoder().encode(value)),
  fc.tuple(fc.uint8Array({ maxLength: 4 }), text).map(([raw, value]) =>
    new Uint8Array([...raw, ...new TextEncoder().encode(value), ...raw])
  ),
);
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((code) => ({
    kind: "exited" as const,
    code,
  })),
  fc.option(fc.integer({ min: 1, max: 64 })).map((signal) => ({
    kind: "signalled" as const,
    signal,
  })),
  fc.constant({ kind: "timed-out" as const }),
);
const run = fc.record({
  args: fc.array(word, { maxLength: 3 }),
  cwd: fc.option(word.filter((value) => value !== "")),
  stdin: fc.option(fc.oneof(text, bytes)),
  verb: fc.constantFrom("outputString" as const, "outputBytes" as const),
  output: bytes,
  stderr: text,
  outcome,
  delay: fc.nat(3),
});
type RandomRun = typeof run extends fc.Arbitrary<infer T> ? T : never;
const options: fc.Arbitrary<CassetteOptions> = fc.record({
  normalize: fc.constantFrom([], paths({ cwd: true, tmp: true })),
  redact: fc.constantFrom([], redactEnv(["TOKEN"])),
  matchOn: fc.constantFrom({}, { cwd: false }, { env: ["TOKEN", "LANG"] }),
  timing: fc.boolean(),
  guard: fc.constantFrom([], async () => await Promise.resolve()),
});

function commandOf({ args, cwd, stdin }: RandomRun, index: number): Command {
  let command = new Command("tool", [String(index), ...args]).env({
    TOKEN: SECRET,
    LANG: "C",
  });
  if (cwd !== null) command = command.cwd(cwd);
  return stdin === null ? command : command.stdin(stdin);
}

/** Answers each command with the run whose number is its first argument, after the delay of that run. */
class Answers extends ProcessRunner {
  readonly #runs: readonly RandomRun[];

  constructor(runs: readonly RandomRun[]) {
    super();
    this.#runs = runs;
  }

  override async outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    const result = await this.outputBytes(command);
    return new ProcessResult({
      ...result,
      stdout: new TextDecoder("utf-8", { ignoreBOM: true }).decode(
        result.stdout,
      ),
    });
  }

  override async outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    const { output, stderr, outcome, delay } =
      this.#runs[Number(command.invocation.args[0])];
    await sleep(delay);
    return new ProcessResult({
      program: "tool",
      stdout: output,
      stderr,
      outcome,
    });
  }
}

test("runs recorded at the same time, with any options, are replayed unchanged in any order", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await fc.assert(
    fc.asyncProperty(
      fc.array(run, { minLength: 1, maxLength: 6 }),
      options,
      async (runs, options) => {
        const live = await RecordReplayRunner.recording(
          path,
          new Answers(runs),
          (runner) =>
            Promise.all(
              runs.map((run, index) => runner[run.verb](commandOf(run, index))),
            ),
          options,
        );
        const written = await readFile(path, "utf8");
        assertEquals(Cassette.parse(written).toString(), written);
        if (
          options.redact instanceof Object && !Array.isArray(options.redact)
        ) {
          assert(!written.includes(SECRET));
        }
        const replayer = await RecordReplayRunner.replay(path, options);
        const replayed = await Promise.all(
          runs.map((run, index) => replayer[run.verb](commandOf(run, index)))
            .toReversed(),
        );
        assertEquals(replayed.toReversed(), live);
        replayer.assertAllPlayed();
      },
    ),
    { numRuns: sized(25, 200) },
  );
});

test("a file with unknown fields at any place is written as it was read", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const unknown = fc.dictionary(
    fc.string({ unit: "grapheme", maxLength: 6 }).map((name) => `x${name}`),
    fc.jsonValue({ maxDepth: 2 }),
    { maxKeys: 2 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(run, { minLength: 1, maxLength: 3 }),
      unknown,
      unknown,
      unknown,
      async (runs, ofHead, ofEntry, ofTiming) => {
        await RecordReplayRunner.recording(
          path,
          new Answers(runs),
          async (runner) => {
            for (const [index, run] of runs.entries()) {
              await runner.outputBytes(commandOf(run, index));
            }
          },
          { matchOn: { env: ["TOKEN"] } },
        );
        const digests = (await readFile(path, "utf8")).match(
          /(?<="stdin_digest": )\d+/g,
        );
        const data = JSON.parse(await readFile(path, "utf8"));
        Object.assign(data, ofHead);
        for (const entry of data.entries) {
          entry.timing = {
            output: [
              { at: 0, stream: "stdout", text: entry.stdout, ...ofTiming },
              { at: 1, stream: "stderr", text: entry.stderr },
            ],
            end: 2,
            ...ofTiming,
          };
          Object.assign(entry, ofEntry);
        }
        let next = 0;
        const changed = JSON.stringify(data, null, 2).replaceAll(
          /(?<="stdin_digest": )\d+(?:e\+\d+)?/g,
          () => digests![next++],
        );
        assertEquals(Cassette.parse(changed).toString(), changed);
      },
    ),
    { numRuns: sized(15, 100) },
  );
});
