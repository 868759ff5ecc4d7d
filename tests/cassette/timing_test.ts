import { readFile } from "node:fs/promises";
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
} from "../../mod.ts";
import { exited } from "../../src/outcome/outcome.ts";
import { scheduleOf, timingOf } from "../../src/cassette/recorder/timing.ts";
import { pieceDecoder } from "../../src/output/piece_decoder.ts";
import { wholeText } from "../../src/output/text.ts";
import { collect, failureOf, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const SLOW = sh(
  "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three; sleep 0.2",
);

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

test("timing stores when each piece came, and to which stream", async () => {
  await using folder = await temporaryFolder();
  const entry = await recorded(folder.file("c.json"), SLOW);
  const { output, end } = entry.timing!;
  assertEquals(output.map(({ stream, text }) => [stream, text]), [
    ["stdout", "one\n"],
    ["stderr", "two\n"],
    ["stdout", "three\n"],
  ]);
  const times = [...output.map(({ at }) => at), end];
  assert(times.every(Number.isInteger), String(times));
  // What comes on a busy machine may come late, but nothing comes before its time.
  for (const [index, earliest] of [0, 150, 350, 550].entries()) {
    assert(times[index] >= earliest, String(times));
  }
});

test("a plain recording has no timing, and one with it is read and written as it is", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await recorded(path, sh("echo x"), { timing: false });
  assert(!(await readFile(path, "utf8")).includes("timing"));
  await recorded(path, SLOW);
  assertEquals(
    (await Cassette.read(path)).toString(),
    await readFile(path, "utf8"),
  );
});

test("a live process is timed like any other run, and so is one that is limited, or in bytes", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(path, new JobRunner(), async (runner) => {
    await using process = await runner.start(SLOW);
    await collect(process.stdoutLines());
    await process.finish();
    await runner.outputString(SLOW.outputBuffer({ maxLines: 1 }));
    await runner.outputBytes(SLOW);
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
  // One that comes at once has its time too.
  await RecordReplayRunner.recording(
    path,
    new ScriptedRunner().fallback(Reply.ok("a\n")),
    (runner) => runner.run(new Command("tool")),
    { timing: true },
  );
  assertEquals((await Cassette.read(path)).entries[0].timing!.output.length, 1);
});

test("a character that is cut off at the end belongs to the last piece", async () => {
  await using folder = await temporaryFolder();
  const entry = await recorded(
    folder.file("c.json"),
    sh("printf a; sleep 0.1; printf 'b\\303'"),
  );
  assertEquals(entry.timing!.output.map(({ text }) => text), ["a", "b\ufffd"]);
});

test("who listens to a process that plays hears both streams in their time", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await recorded(path, SLOW);
  const replayer = await RecordReplayRunner.replay(path, { speed: 5 });
  const heard: string[] = [];
  const hear = (line: string) => void heard.push(line);
  await using process = await replayer.start(
    SLOW.onStdoutLine(hear).onStderrLine(hear),
  );
  await process.wait();
  assertEquals(heard, ["one", "two", "three"]);
});

test("a replayed start plays at recorded speed, at another, or at once", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await recorded(path, SLOW);
  const played = async (speed?: number) => {
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
  const once = await played(1);
  assertEquals(once.lines, ["stdout one", "stderr two", "stdout three"]);
  // It took 600 ms.
  assert(once.took >= 550, `${once.took} ms`);
  // It takes 10 ms.
  const faster = await played(60);
  assertEquals(faster.lines, once.lines);
  assert(faster.took >= 9 && faster.took < 500, `${faster.took} ms`);
  for (const speed of [Infinity, undefined]) {
    const { took } = await played(speed);
    assert(took < 500, `${took} ms`);
  }
});

test("verbs come at once, whatever the speed", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await recorded(path, SLOW);
  const replayer = await RecordReplayRunner.replay(path, { speed: 0.001 });
  assertEquals((await replayer.outputString(SLOW)).stdout, "one\nthree\n");
  assertEquals((await replayer.outputBytes(SLOW)).stdout.length, 10);
});

test("a process that plays at its speed can be waited for, and ended before its time", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await recorded(path, SLOW);
  const replayer = await RecordReplayRunner.replay(path, { speed: 0.5 });
  await using process = await replayer.start(SLOW.timeout(100));
  const { outcome } = await process.finish();
  assertEquals(outcome, { kind: "timed-out" });
  // It is twice as long now, and so is what it may take.
  await using kept = await replayer.start(SLOW.timeout(1100));
  assertEquals(await kept.wait(), { kind: "exited", code: 0 });
  await using other = await replayer.start(SLOW);
  other.kill();
  assertEquals((await other.wait()).kind, "signalled");
  await using left = await replayer.start(SLOW);
  assertEquals(left.pid, null);
});

test("what was printed in the grace of a deadline is played after it, at any speed", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const command = sh(
    "trap 'sleep 0.2; echo late; exit' TERM; echo soon; sleep 5 & wait",
  )
    .timeout(200).timeoutGrace(4000);
  const live = await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(command),
    { timing: true },
  );
  assertEquals(live.outcome, { kind: "timed-out" });
  assertEquals(live.stdout, "soon\nlate\n");
  for (const speed of [0.5, 1, 10, Infinity]) {
    const replayer = await RecordReplayRunner.replay(path, { speed });
    await using process = await replayer.start(command);
    assertEquals(await collect(process.stdoutLines()), ["soon", "late"]);
    assertEquals(await process.wait(), { kind: "timed-out" });
  }
});

test("what is secret is in no piece, also where two of them share it", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const command = sh(
    'printf "a %s" "${TOKEN%cret}"; sleep 0.1; printf "cret b id=1"; sleep 0.1; printf "2 c"; printf " $TOKEN" >&2',
  ).env("TOKEN", "topsecret");
  const options = {
    redact: [redactEnv(["TOKEN"]), redactPattern(/id=\d+/, "id=N")],
  };
  const entry = await recorded(path, command, options);
  const text = await readFile(path, "utf8");
  for (const part of ["topsecret", "tops", "cret", "id=1"]) {
    // The script itself has the halves of it in its words.
    assert(!JSON.stringify(entry.timing).includes(part), part);
  }
  assert(!text.includes("topsecret"));
  assertEquals(entry.stdout, "a <env:TOKEN> b id=N c");
  assertEquals(textOf(entry, "stdout"), entry.stdout);
  assertEquals(textOf(entry, "stderr"), " <env:TOKEN>");
  const replayer = await RecordReplayRunner.replay(path, {
    ...options,
    speed: 2,
  });
  await using process = await replayer.start(command.env("TOKEN", "other"));
  assertEquals((await process.outputString()).stdout, "a other b id=N c");
});

test("bytes that are no text are cut where they came, and are whole together", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const command = sh(
    "printf 'h\\303'; sleep 0.1; printf '\\251\\377\\303'; sleep 0.1; printf 'x\\n'",
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

test("a piece has the first bytes by which a decoder gives its text, in any encoding", () => {
  const encodings = ["utf-8", "utf-16le", "gb18030", "big5", "iso-2022-jp"];
  // Whole characters, their beginnings, what is none, and what changes the character set.
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
    { numRuns: 2000 },
  );
});

/** How much text a decoder gives for these bytes while it expects more. */
function lengthOf(bytes: Uint8Array, encoding: string): number {
  return pieceDecoder(encoding).decode(bytes).length;
}

test("what can only be redacted as a whole comes with the last piece", async () => {
  await using folder = await temporaryFolder();
  const entry = await recorded(
    folder.file("c.json"),
    sh('printf \'{"a":1,\'; sleep 0.1; printf \'"token":"abc"}\''),
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

test("bytes that are no text at all are played too", async () => {
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

test("a speed at which it takes longer than any timer is not at once", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await recorded(path, SLOW);
  const replayer = await RecordReplayRunner.replay(path, { speed: 1e-9 });
  await using process = await replayer.start(
    SLOW.timeout(2 ** 30).cancelOn(AbortSignal.timeout(100)),
  );
  assertInstanceOf(await failureOf(process.wait()), CancelledError);
});

test("whatever is printed, in whatever pieces, is what is played, with what was hidden in it", async () => {
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
    { numRuns: 60 },
  );
});

test("pieces that are not all of the output, or no pieces, are refused where they stand", () => {
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
    [`{"output":[],"end":1}`, 'what is in "stdout"'],
    [
      `{"output":[${piece},{"at":1,"stream":"stderr","text":"x"}],"end":1}`,
      'what is in "stderr"',
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

test("unknown fields within the timing stay, to the digit", () => {
  const printed = Cassette.parse(
    `{"version":1,"entries":[{"program":"x","args":[],"stdout":"ab","stderr":"","code":0,` +
      `"timing":{"output":[{"at":0,"stream":"stdout","text":"ab","later":1.50}],"end":1,"more":18446744073709551615}}]}`,
  ).toString();
  assertStringIncludes(printed, '"later": 1.50');
  assertStringIncludes(printed, '"more": 18446744073709551615');
  assertEquals(Cassette.parse(printed).toString(), printed);
});
