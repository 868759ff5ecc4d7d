import { readFile, writeFile } from "node:fs/promises";
import fc from "fast-check";
import {
  CancelledError,
  Cassette,
  type CassetteEntry,
  Command,
  JobRunner,
  RecordReplayRunner,
  redactEnv,
  redactPattern,
  Reply,
  ScriptedRunner,
  type TimedOutput,
} from "../../mod.ts";
import { exited } from "../../src/outcome/outcome.ts";
import { scheduleOf, timingOf } from "../../src/cassette/recorder/timing.ts";
import { pieceDecoder } from "../../src/output/piece_decoder.ts";
import { wholeText } from "../../src/output/text.ts";
import { collect, failureOf, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import { sized } from "../size.ts";
import { withinDeadline } from "./deadline.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const PAUSE_MS = 100;

/**
 * A command that runs these shell commands. Each one starts once the output of the one
 * before has been received, and a pause after that: so each one's output is a piece of
 * its own. `mark` is the beginning of the paths of files that tell the command what has
 * been received.
 */
function inPieces(mark: string, ...parts: readonly string[]): Command {
  let received = 0;
  const tee = () =>
    new WritableStream<string>({
      write() {
        const path = `${mark}.${++received}`;
        // The run records the time of a piece after the tee has taken it.
        if (received < parts.length) setTimeout(() => writeFile(path, ""));
      },
    });
  const script = parts.flatMap((part, index) => [
    part,
    `until [ -e "$1.${index + 1}" ]; do sleep 0.01; done`,
    `sleep ${PAUSE_MS / 1000}`,
  ]).slice(0, -2);
  return sh(script.join("\n"), mark).stdoutTee(tee()).stderrTee(tee());
}

/** A command that prints `one` to stdout, `two` to stderr and `three` to stdout. */
function threeLines(mark: string): Command {
  return inPieces(mark, "echo one", "echo two >&2", "echo three", ":");
}

/** A run of {@linkcode SLOW} in which each line comes `step` milliseconds after the one before. */
function slowRun(step: number): Cassette {
  const piece = (
    index: number,
    stream: TimedOutput["stream"],
    text: string,
  ): TimedOutput => ({ at: index * step, stream, text });
  return Cassette.parse(JSON.stringify({
    version: 1,
    entries: [{
      program: "slow",
      args: [],
      stdout: "one\nthree\n",
      stderr: "two\n",
      code: 0,
      timing: {
        output: [
          piece(0, "stdout", "one\n"),
          piece(1, "stderr", "two\n"),
          piece(2, "stdout", "three\n"),
        ],
        end: 3 * step,
      },
    }],
  }));
}

const SLOW = new Command("slow");
const HOUR_MS = 3_600_000;

async function recorded(
  path: string,
  command: Command,
  options = {},
): Promise<CassetteEntry> {
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(command),
    { timing: true, ...options },
  );
  return (await Cassette.read(path)).entries[0];
}

function textOf(entry: CassetteEntry, stream: "stdout" | "stderr"): string {
  return entry.timing!.output.filter((piece) => piece.stream === stream).map((
    { text },
  ) => text).join("");
}

test("timing stores when each piece of output came, and on which stream", async () => {
  await using folder = await temporaryFolder();
  const entry = await recorded(
    folder.file("c.json"),
    threeLines(folder.file("mark")),
  );
  const { output, end } = entry.timing!;
  assertEquals(output.map(({ stream, text }) => [stream, text]), [
    ["stdout", "one\n"],
    ["stderr", "two\n"],
    ["stdout", "three\n"],
  ]);
  const times = [...output.map(({ at }) => at), end];
  assert(times.every(Number.isInteger), String(times));
  // Every piece may come late, but none comes before its pause is over.
  for (const [index, time] of times.slice(1).entries()) {
    assert(time - times[index] >= PAUSE_MS - 1, String(times));
  }
});

test("timing is recorded only on request, and survives reading and writing", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const command = sh("echo x; echo y >&2");
  await recorded(path, command, { timing: false });
  assert(!(await readFile(path, "utf8")).includes("timing"));
  const { timing } = await recorded(path, command);
  assertEquals(timing!.output.length, 2);
  assertEquals(
    (await Cassette.read(path)).toString(),
    await readFile(path, "utf8"),
  );
});

test("live processes, limited output and output in bytes are timed too", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(path, new JobRunner(), async (runner) => {
    const command = (name: string) => threeLines(folder.file(name));
    const readLines = async () => {
      await using process = await runner.start(command("live"));
      await collect(process.stdoutLines());
      await process.finish();
    };
    await Promise.all([
      readLines(),
      runner.outputString(command("limited").outputBuffer({ maxLines: 1 })),
      runner.outputBytes(command("bytes")),
    ]);
  }, { timing: true });
  const { entries } = await Cassette.read(path);
  assertEquals(entries.length, 3);
  for (const entry of entries) {
    assertEquals(entry.timing!.output.length, 3);
    assertEquals(textOf(entry, "stdout"), "one\nthree\n");
  }
});

test("a scripted run is timed too", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = new ScriptedRunner().fallback(
    Reply.lines(["a", "b"]).withLineDelay(30),
  );
  await RecordReplayRunner.recording(
    path,
    inner,
    (runner) => runner.run(new Command("tool")),
    { timing: true },
  );
  const { output } = (await Cassette.read(path)).entries[0].timing!;
  assertEquals(output.map(({ text }) => text), ["a\n", "b\n"]);
  assert(output[1].at >= 50, String(output[1].at));
  // A reply without a delay is timed as well.
  await RecordReplayRunner.recording(
    path,
    new ScriptedRunner().fallback(Reply.ok("a\n")),
    (runner) => runner.run(new Command("tool")),
    { timing: true },
  );
  assertEquals((await Cassette.read(path)).entries[0].timing!.output.length, 1);
});

test("a character that is cut off at the end of the output belongs to the last piece", async () => {
  await using folder = await temporaryFolder();
  const entry = await recorded(
    folder.file("c.json"),
    inPieces(folder.file("mark"), "printf a", "printf 'b\\303'"),
  );
  assertEquals(entry.timing!.output.map(({ text }) => text), ["a", "b\ufffd"]);
});

test("line handlers of a timed replay receive both streams in the recorded order", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await slowRun(30).write(path);
  const replayer = await RecordReplayRunner.replay(path, { speed: 1 });
  const heard: string[] = [];
  const hear = (line: string) => void heard.push(line);
  await using process = await replayer.start(
    SLOW.onStdoutLine(hear).onStderrLine(hear),
  );
  await process.wait();
  assertEquals(heard, ["one", "two", "three"]);
});

test("a replayed start plays at the recorded speed, at a multiple of it, or at once", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const played = async (step: number, speed?: number) => {
    await slowRun(step).write(path);
    const replayer = await RecordReplayRunner.replay(
      path,
      speed === undefined ? {} : { speed },
    );
    const start = performance.now();
    await using process = await replayer.start(SLOW);
    const events = await collect(process.events());
    const took = performance.now() - start;
    return {
      took,
      lines: events.flatMap((event) =>
        "line" in event ? [`${event.kind} ${event.line}`] : []
      ),
    };
  };
  const recorded = await played(100, 1);
  assertEquals(recorded.lines, ["stdout one", "stderr two", "stdout three"]);
  assert(recorded.took >= 290, `${recorded.took} ms`);
  // Three hours in 300 ms. At the recorded speed this would not come to an end.
  const faster = await played(HOUR_MS, HOUR_MS / 100);
  assertEquals(faster.lines, recorded.lines);
  assert(faster.took >= 290, `${faster.took} ms`);
  for (const speed of [Infinity, undefined]) {
    const { lines } = await played(HOUR_MS, speed);
    assertEquals(lines.toSorted(), recorded.lines.toSorted());
  }
});

test("verbs return at once, whatever the speed", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await slowRun(HOUR_MS).write(path);
  const replayer = await RecordReplayRunner.replay(path, { speed: 1 });
  assertEquals((await replayer.outputString(SLOW)).stdout, "one\nthree\n");
  assertEquals((await replayer.outputBytes(SLOW)).stdout.length, 10);
});

test("a timed replay can time out, be waited for, be killed and be disposed of", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await slowRun(20).write(path);
  // 60 recorded milliseconds take 600, and a timeout is ten times as long too.
  const replayer = await RecordReplayRunner.replay(path, { speed: 0.1 });
  await using process = await replayer.start(SLOW.timeout(10));
  const { outcome } = await process.finish();
  assertEquals(outcome, { kind: "timed-out" });
  await using complete = await replayer.start(SLOW.timeout(500));
  assertEquals(await complete.wait(), { kind: "exited", code: 0 });
  await using killed = await replayer.start(SLOW);
  killed.kill();
  assertEquals((await killed.wait()).kind, "signalled");
  await using left = await replayer.start(SLOW);
  assertEquals(left.pid, null);
});

test("output printed during the grace of a timeout is recorded, and is replayed after the timeout at any speed", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const late = sh(
    "trap 'echo late; exit' TERM; echo soon; sleep 60 & wait",
  ).timeoutGrace(60_000);
  const live = await withinDeadline(
    (ms) =>
      RecordReplayRunner.recording(
        path,
        new JobRunner(),
        (runner) => runner.outputString(late.timeout(ms)),
        { timing: true },
      ),
    ({ stdout }) => stdout.startsWith("soon"),
  );
  assertEquals(live.outcome, { kind: "timed-out" });
  assertEquals(live.stdout, "soon\nlate\n");
  const { timing } = (await Cassette.read(path)).entries[0];
  assertEquals(timing!.output.map(({ text }) => text), ["soon\n", "late\n"]);

  const [soon, afterwards] = timing!.output;
  await new Cassette([{
    ...(await Cassette.read(path)).entries[0],
    timing: {
      output: [{ ...soon, at: 5 }, { ...afterwards, at: 300 }],
      end: 310,
    },
  }]).write(path);
  for (const speed of [0.5, 1, 10, Infinity]) {
    const replayer = await RecordReplayRunner.replay(path, { speed });
    await using process = await replayer.start(late.timeout(100));
    assertEquals(await collect(process.stdoutLines()), ["soon", "late"]);
    assertEquals(await process.wait(), { kind: "timed-out" });
  }
});

test("a secret is in no piece, even if two pieces share it", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const command = inPieces(
    folder.file("mark"),
    'printf "a %s" "${TOKEN%cret}"',
    'printf "cret b id=1"',
    'printf "2 c"',
    'printf " $TOKEN" >&2',
    'printf " d"',
  ).env("TOKEN", "topsecret");
  const options = {
    redact: [redactEnv(["TOKEN"]), redactPattern(/id=\d+/, "id=N")],
  };
  const entry = await recorded(path, command, options);
  const text = await readFile(path, "utf8");
  for (const part of ["topsecret", "tops", "cret", "id=1"]) {
    // The arguments contain parts of the secret: they are part of the script.
    assert(!JSON.stringify(entry.timing).includes(part), part);
  }
  assert(!text.includes("topsecret"));
  assertEquals(entry.stdout, "a <env:TOKEN> b id=N c d");
  // A piece that ends within redacted text is joined to the next one.
  assertEquals(entry.timing!.output.map(({ stream, text }) => [stream, text]), [
    ["stdout", "a <env:TOKEN> b id=N c"],
    ["stderr", " <env:TOKEN>"],
    ["stdout", " d"],
  ]);
  const replayer = await RecordReplayRunner.replay(path, {
    ...options,
    speed: 100,
  });
  await using process = await replayer.start(command.env("TOKEN", "other"));
  assertEquals((await process.outputString()).stdout, "a other b id=N c d");
});

test("a timed replay of bytes that are not text returns all of them", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const command = inPieces(
    folder.file("mark"),
    "printf 'h\\303'",
    "printf '\\251\\377\\303'",
    "printf 'x\\n'",
  );
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputBytes(command),
    { timing: true },
  );
  const replayer = await RecordReplayRunner.replay(path, { speed: 10 });
  await using process = await replayer.start(command);
  const all: number[] = [];
  for await (const piece of process.stdoutStream()) all.push(...piece);
  assertEquals(all, [104, 195, 169, 255, 195, 120, 10]);
});

test("each piece of bytes ends where the decoder completes the text of that piece, in any encoding", () => {
  const encodings = ["utf-8", "utf-16le", "gb18030", "big5", "iso-2022-jp"];
  // Complete, incomplete and invalid characters, and escapes that change the character set.
  const bytes = fc.array(
    fc.constantFrom(
      ...[0x41, 0xc3, 0xa9, 0xff, 0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82, 0xac],
      ...[0x1b, 0x24, 0x42, 0x30, 0x81, 0x88, 0x62, 0xd8, 0x00],
    ),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...encodings),
      fc.array(bytes, { minLength: 1, maxLength: 4 }),
      (encoding, parts) => {
        const all = Uint8Array.from(parts.flat());
        const texts = { stdout: wholeText("x", encoding, all), stderr: "" };
        const pieces = parts.map(({ length }, at) => ({ at, length }));
        const timing = timingOf(
          {
            outcome: exited(0),
            stdout: { bytes: all, encoding, pieces },
            stderr: null,
            truncated: [],
            isBytes: true,
            end: parts.length,
          },
          texts,
          (_stream, text) => text,
        );
        const played = scheduleOf(timing, 1, (text) => text, {
          bytes: all,
          encoding,
        }).output;
        assertEquals(played.flatMap(({ bytes }) => [...bytes]), [...all]);
        let end = 0;
        let until = 0;
        for (const [index, { text }] of timing.output.slice(0, -1).entries()) {
          until += text.length;
          end += played[index].bytes.length;
          assert(lengthOf(all.subarray(0, end), encoding) >= until);
          assert(
            until === 0 ||
              lengthOf(all.subarray(0, end - 1), encoding) < until,
          );
        }
      },
    ),
    { numRuns: sized(400, 2000) },
  );
});

/** The length of the text that a decoder returns for these bytes while it expects more. */
function lengthOf(bytes: Uint8Array, encoding: string): number {
  return pieceDecoder(encoding).decode(bytes).length;
}

test("output that redact can only process as a whole is stored in the last piece", async () => {
  await using folder = await temporaryFolder();
  const entry = await recorded(
    folder.file("c.json"),
    inPieces(
      folder.file("mark"),
      "printf '{\"a\":1,'",
      'printf \'"token":"abc"}\'',
    ),
    {
      redact: (field: string, text: string) =>
        field === "stdout"
          ? JSON.stringify({ ...JSON.parse(text), token: "x" })
          : text,
    },
  );
  assertEquals(entry.stdout, '{"a":1,"token":"x"}');
  assertEquals(textOf(entry, "stdout"), entry.stdout);
});

test("bytes that decode to no text are replayed too", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const command = sh("printf '\\033(B'").encoding("iso-2022-jp");
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputBytes(command),
    { timing: true },
  );
  const replayer = await RecordReplayRunner.replay(path, { speed: 10 });
  await using process = await replayer.start(command);
  assertEquals((await process.outputBytes()).stdout, Uint8Array.of(27, 40, 66));
});

test("a replay that takes longer than the longest timer does not end at once", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await slowRun(200).write(path);
  const replayer = await RecordReplayRunner.replay(path, { speed: 1e-9 });
  await using process = await replayer.start(
    SLOW.timeout(2 ** 30).cancelOn(AbortSignal.timeout(100)),
  );
  assertInstanceOf(await failureOf(process.wait()), CancelledError);
});

test("output in any pieces is replayed unchanged, with redacted values restored", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const piece = fc.array(
    fc.constantFrom(
      "a",
      "s3",
      "cr3",
      "t",
      "s3cr3t",
      "<env:T>",
      "<",
      "\\",
      "é",
      "\n",
      "id=1",
    ),
    { maxLength: 4 },
  ).map((parts) => parts.join(""));
  const options = {
    timing: true,
    redact: redactEnv(["T"]),
  };
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 5 }), async (pieces) => {
      const inner = new ScriptedRunner().fallback(
        Reply.ok(pieces.join("")).withLineDelay(1),
      );
      const command = new Command("tool").env("T", "s3cr3t");
      const live = await RecordReplayRunner.recording(
        path,
        inner,
        (runner) => runner.outputString(command),
        options,
      );
      const [entry] = (await Cassette.read(path)).entries;
      assert(!JSON.stringify(entry).includes("s3cr3t"));
      assertEquals(textOf(entry, "stdout"), entry.stdout);
      const replayer = await RecordReplayRunner.replay(path, {
        ...options,
        speed: 1000,
      });
      await using process = await replayer.start(command);
      assertEquals(await process.outputString(), live);
    }),
    { numRuns: sized(20, 60) },
  );
});

test("timing that does not match the output, or is malformed, is refused with its place", () => {
  const text = (timing: string, extra = "") =>
    `{"version":1,"entries":[{"program":"x","args":[],"stdout":"ab","stderr":"","code":0,"timing":${timing}${extra}}]}`;
  const piece = '{"at":0,"stream":"stdout","text":"ab"}';
  const good = text(`{"output":[${piece}],"end":1}`);
  assertEquals(Cassette.parse(good).entries[0].timing, {
    output: [{ at: 0, stream: "stdout", text: "ab" }],
    end: 1,
  });
  const wrong: [string, string][] = [
    ["[]", "entries[0].timing: expected an object"],
    ["null", "entries[0].timing: expected an object"],
    [
      `{"output":[],"end":1}`,
      'entries[0].timing: the pieces of stdout do not add up to "stdout"; remove',
    ],
    [
      `{"output":[${piece},{"at":1,"stream":"stderr","text":"x"}],"end":1}`,
      'entries[0].timing: the pieces of stderr do not add up to "stderr"; remove',
    ],
    [`{"output":[${piece}]}`, "entries[0].timing.end: the field is missing"],
    [
      `{"output":[${piece}],"end":1.5}`,
      "entries[0].timing.end: expected milliseconds",
    ],
    [`{"output":[${piece}],"end":-1}`, "expected milliseconds"],
    [
      `{"output":[1],"end":1}`,
      "entries[0].timing.output[0]: expected an object",
    ],
    [
      `{"output":[{"at":0,"stream":"x","text":""}],"end":1}`,
      "entries[0].timing.output[0].stream",
    ],
  ];
  for (const [timing, message] of wrong) {
    assertThrows(() => Cassette.parse(text(timing)), Error, message);
  }
});

test("unknown fields within the timing are kept to the digit", () => {
  const printed = Cassette.parse(
    `{"version":1,"entries":[{"program":"x","args":[],"stdout":"ab","stderr":"","code":0,` +
      `"timing":{"output":[{"at":0,"stream":"stdout","text":"ab","later":1.50}],"end":1,"more":18446744073709551615}}]}`,
  ).toString();
  assertStringIncludes(printed, '"later": 1.50');
  assertStringIncludes(printed, '"more": 18446744073709551615');
  assertEquals(Cassette.parse(printed).toString(), printed);
});

test("a slow line handler does not change the times that are recorded", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const isPrinted = Promise.withResolvers<void>();
  // The handler of stdout is done only after the line of stderr has come.
  const command = sh("echo one; sleep 0.1; echo two >&2")
    .onStdoutLine(() => isPrinted.promise)
    .onStderrLine(() => void setTimeout(isPrinted.resolve, 50));
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(command),
    { timing: true },
  );
  const [{ timing }] = (await Cassette.read(path)).entries;
  assertEquals(
    timing?.output.map(({ stream, text }) => [stream, text]),
    [["stdout", "one\n"], ["stderr", "two\n"]],
  );
});
