import { readFile } from "node:fs/promises";
import {
  Cassette,
  CassetteMissError,
  type CassetteOptions,
  Command,
  JobRunner,
  type ProcessResult,
  RecordReplayRunner,
  redactEnv,
  redactPattern,
  UnsupportedError,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const EVERY_BYTE = sh(
  'i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i + 1)); done',
);
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, index) => index);

/** Records the output of a command in bytes. */
function recordBytes(
  path: string,
  command: Command,
  options: CassetteOptions = {},
): Promise<ProcessResult<Uint8Array>> {
  return RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputBytes(command),
    options,
  );
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<number[]> {
  const all: number[] = [];
  for await (const piece of stream) all.push(...piece);
  return all;
}

test("any bytes are recorded and replayed exactly, and their text too", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const live = await recordBytes(path, EVERY_BYTE);
  assertEquals(live.stdout, ALL_BYTES);
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(await replayer.outputBytes(EVERY_BYTE), live);
  const text = await replayer.outputString(EVERY_BYTE);
  assertEquals(text.stdout, new TextDecoder().decode(ALL_BYTES));
  const [entry] = (await Cassette.read(path)).entries;
  assertEquals(entry.stdout, text.stdout);
  assertEquals(Uint8Array.fromBase64(entry.stdoutBase64!), ALL_BYTES);
  assertEquals(
    (await Cassette.read(path)).toString(),
    await readFile(path, "utf8"),
  );
});

test("the bytes of a live process are recorded and replayed too", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(path, new JobRunner(), async (runner) => {
    await using streamed = await runner.start(EVERY_BYTE);
    assertEquals(await bytesOf(streamed.stdoutStream()), [...ALL_BYTES]);
    await streamed.wait();
    await using whole = await runner.start(EVERY_BYTE);
    assertEquals((await whole.outputBytes()).stdout, ALL_BYTES);
  });
  const cassette = await Cassette.read(path);
  assertEquals(cassette.entries[0], cassette.entries[1]);
  assert(cassette.entries[0].stdoutBase64 !== undefined);
  const replayer = await RecordReplayRunner.replay(path);
  await using streamed = await replayer.start(EVERY_BYTE);
  assertEquals(await bytesOf(streamed.stdoutStream()), [...ALL_BYTES]);
  await using whole = await replayer.start(EVERY_BYTE);
  assertEquals((await whole.outputBytes()).stdout, ALL_BYTES);
  await using text = await replayer.start(EVERY_BYTE);
  assertEquals(
    (await text.outputString()).stdout,
    cassette.entries[0].stdout,
  );
});

test("a recording of valid text, or by a text verb, has no base64 field", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = sh("printf 'h\\303\\251\\n'");
  await RecordReplayRunner.recording(path, new JobRunner(), async (runner) => {
    await runner.outputBytes(tool);
    await runner.outputString(EVERY_BYTE);
    await using process = await runner.start(EVERY_BYTE);
    await process.outputString();
  });
  assert(!(await readFile(path, "utf8")).includes("base64"));
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(
    (await replayer.outputBytes(tool)).stdout,
    Uint8Array.of(104, 195, 169, 10),
  );
});

test("bytes that cannot be restored from recorded text are a miss that tells how to record them", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(path, new JobRunner(), async (runner) => {
    await runner.outputString(EVERY_BYTE);
    await runner.outputString(sh("echo plain"));
  });
  const replayer = await RecordReplayRunner.replay(path);
  const error = await failureOf(replayer.outputBytes(EVERY_BYTE));
  assertInstanceOf(error, CassetteMissError);
  assertEquals(error.reason, "text-only");
  assertStringIncludes(error.message, "outputBytes");
  await using process = await replayer.start(EVERY_BYTE);
  assertThrows(
    () => process.stdoutStream(),
    UnsupportedError,
    "record it again",
  );
  // Bytes cannot be restored from text that was decoded as UTF-8 if the command has another encoding.
  const latin = sh("echo plain").encoding("latin1");
  await assertRejects(() => replayer.outputBytes(latin), CassetteMissError);
});

test("a replacement character that the program printed is replayed as its bytes", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = sh("printf '\\357\\277\\275'");
  const live = await recordBytes(path, tool);
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(await replayer.outputBytes(tool), live);
  assertEquals(live.stdout, Uint8Array.of(239, 191, 189));
});

test("bytes in another encoding are replayed, even if all of them are ASCII", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = sh("echo plain").encoding("latin1");
  const live = await recordBytes(path, tool);
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(await replayer.outputBytes(tool), live);
});

test("bytes in another encoding are replayed exactly, and their text is decoded from it", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = sh("printf 'h\\351\\n'; echo plain >&2").encoding("latin1");
  const live = await recordBytes(path, tool);
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(await replayer.outputBytes(tool), live);
  assertEquals((await replayer.outputString(tool)).stdout, "hé\n");
  await using process = await replayer.start(tool);
  const lines: string[] = [];
  for await (const line of process.stdoutLines()) lines.push(line);
  assertEquals(lines, ["hé"]);
  assertEquals((await process.finish()).stderr, "plain\n");
});

test("an output limit applies to the returned bytes, not to the recorded ones", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = sh("printf '\\377a\\n\\376b\\n'");
  const limited = tool.outputBuffer({ maxLines: 1 });
  const live = await recordBytes(path, limited);
  assertEquals(live.stdout, Uint8Array.of(254, 98, 10));
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(await replayer.outputBytes(limited), live);
  assertEquals(
    (await replayer.outputBytes(tool)).stdout,
    Uint8Array.of(255, 97, 10, 254, 98, 10),
  );
});

test("redaction replaces values in bytes that are not text, and a replay restores them", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = sh('printf "\\377$TOKEN\\376h\\303\\251$TOKEN\\303 id=77"')
    .env("TOKEN", "gehé!m");
  const options = {
    redact: [redactEnv(["TOKEN"]), redactPattern(/id=\d+/, "id=0")],
  };
  await recordBytes(path, tool, options);
  const [entry] = (await Cassette.read(path)).entries;
  const kept = new TextDecoder("latin1").decode(
    Uint8Array.fromBase64(entry.stdoutBase64!),
  );
  assertEquals(
    kept,
    "\u00ff<env:TOKEN>\u00feh\u00c3\u00a9<env:TOKEN>\u00c3 id=0",
  );
  assertEquals(entry.stdout, "\ufffd<env:TOKEN>\ufffdhé<env:TOKEN>\ufffd id=0");
  const replayer = await RecordReplayRunner.replay(path, options);
  const { stdout } = await replayer.outputBytes(tool.env("TOKEN", "other"));
  assertEquals(
    new TextDecoder("latin1").decode(stdout),
    "\u00ffother\u00feh\u00c3\u00a9other\u00c3 id=0",
  );
});

test("recording bytes with redactEnv is refused in UTF-16, and recording text is not", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = sh('printf "$TOKEN" | sed "s/./&\\x00/g"').env("TOKEN", "s3cr3t")
    .encoding("utf-16le");
  const options = { redact: redactEnv(["TOKEN"]) };
  await assertRejects(
    () => recordBytes(path, tool, options),
    UnsupportedError,
    "outputString",
  );
  const result = await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(tool),
    options,
  );
  assertEquals(result.stdout, "s3cr3t");
  assertEquals((await Cassette.read(path)).entries[0].stdout, "<env:TOKEN>");
});

test("invalid base64 is refused with its place", () => {
  const text = (base64: string) =>
    `{"version":1,"entries":[{"program":"x","args":[],"stdout":"","stderr":"","code":0,"stdout_base64":${base64}}]}`;
  for (
    const base64 of ['"a"', '"!!!!"', '"YQ"', '"YR=="', '"Y Q=="', "1", "null"]
  ) {
    assertThrows(
      () => Cassette.parse(text(base64)),
      Error,
      "entries[0].stdout_base64: expected base64",
    );
  }
  assertEquals(
    Cassette.parse(text('"YQ=="')).entries[0].stdoutBase64,
    "YQ==",
  );
});

test("replaying the bytes of a command that was not recorded is a miss", async () => {
  await using folder = await temporaryFolder();
  await new Cassette().write(folder.file("c.json"));
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  const error = await failureOf(replayer.outputBytes(new Command("x")));
  assertInstanceOf(error, CassetteMissError);
  assertEquals(error.reason, "unknown");
});
