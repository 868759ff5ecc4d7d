import { Buffer } from "node:buffer";
import { writeFile } from "node:fs/promises";
import {
  CancelledError,
  Command,
  Reply,
  ScriptedRunner,
  SpawnError,
  Stdin,
  StdinConsumedError,
  StdinError,
} from "../../mod.ts";
import { failureOf, never, sh } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { outcomeIn } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "../std.ts";

/** Bytes that do not repeat soon, so that a lost or doubled piece shows. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0, state = 1; index < length; index++) {
    state = (state * 48271) % 0x7fffffff;
    bytes[index] = state;
  }
  return bytes;
}

function streamOf(...pieces: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(piece);
    },
  });
}

const CAT = new Command("cat");

test("10 MB go through stdin to cat and come back byte-equal", async () => {
  const bytes = pattern(10_000_000);
  const { stdout } = await CAT.stdin(bytes).outputBytes();
  assert(equal(stdout, bytes));
});

test("10 MB from a file, and from a stream, come back byte-equal", async () => {
  await using folder = await temporaryFolder();
  const bytes = pattern(10_000_000);
  await writeFile(folder.file("input"), bytes);
  const fromFile = CAT.stdin(Stdin.fromFile(folder.file("input")));
  for (let round = 0; round < 2; round++) {
    assert(equal((await fromFile.outputBytes()).stdout, bytes));
  }
  const stream = streamOf(
    bytes.subarray(0, 3_000_000),
    new Uint8Array(0),
    bytes.subarray(3_000_000),
  );
  assert(equal((await CAT.stdin(stream).outputBytes()).stdout, bytes));
});

test("no input is an empty input, and so is an empty string", async () => {
  assertEquals(await CAT.run(), "");
  assertEquals(await CAT.stdin("").run(), "");
  assertEquals(await CAT.stdin(Stdin.fromLines([])).run(), "");
  assertEquals(await CAT.stdin("x").stdin(Stdin.empty()).run(), "");
});

test("text and lines arrive as UTF-8, with an end after every line", async () => {
  assertEquals((await CAT.stdin("héllo 😀").outputString()).stdout, "héllo 😀");
  assertEquals(
    (await CAT.stdin(Stdin.fromLines(["a", "é"])).outputString()).stdout,
    "a\né\n",
  );
  async function* lines() {
    yield "one";
    await Promise.resolve();
    yield "two";
  }
  assertEquals(
    (await CAT.stdin(Stdin.fromAsyncLines(lines())).outputString()).stdout,
    "one\ntwo\n",
  );
});

test("a child that never reads its input is no error", async () => {
  const bytes = pattern(4_000_000);
  assertEquals(await new Command("true").stdin(bytes).exitCode(), 0);
  assertEquals(
    await sh("exec <&-; sleep 0.1; exit 3").stdin(bytes).exitCode(),
    3,
  );
  assertEquals(
    await new Command("head", ["-c", "3"]).stdin("abcdef".repeat(1_000_000))
      .run(),
    "abc",
  );
});

test("a stream that has more to give is cancelled when the child has ended", async () => {
  let reason: unknown = "not cancelled";
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1000).fill(97)),
    cancel: (why) => void (reason = why),
  });
  assertEquals(
    await new Command("head", ["-c", "3"]).stdin(endless).run(),
    "aaa",
  );
  assert(reason !== "not cancelled");
});

test("a source that has nothing to give for now does not hold up a child that has ended", async () => {
  const silent = new ReadableStream<Uint8Array>({ pull: never });
  assertEquals(await new Command("true").stdin(silent).exitCode(), 0);
  let returned = false;
  const lines: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({
      next: () => never() as Promise<never>,
      return: () => {
        returned = true;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  assertEquals(
    await new Command("true").stdin(Stdin.fromAsyncLines(lines)).exitCode(),
    0,
  );
  assert(returned);
});

test("input written but not read by somebody outside the group does not hold up the call", async () => {
  // The one who holds the pipe's read end goes after a while: until then Deno has a write under way.
  const holder = sh(
    "exec 3<&0; setsid sleep 3 <&3 3<&- >/dev/null 2>&1 & exit 0",
  );
  const result = await holder.stdin(pattern(1_000_000)).outputString();
  assertEquals(result.code, 0);
  assert(result.duration() < 2500, `${result.duration()}`);
  await new Promise((resolve) => setTimeout(resolve, 3200));
});

test("a source that fails ends the run, and the child never takes its input for whole", async () => {
  await using folder = await temporaryFolder();
  const broken = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array([97])),
    pull: (controller) => controller.error(new Error("the disk is gone")),
  });
  const error = await failureOf(
    sh('cat >/dev/null; touch "$1"', folder.file("whole")).stdin(broken).run(),
  );
  assertInstanceOf(error, StdinError);
  assertStringIncludes(error.message, "the disk is gone");
  assertEquals((error.cause as Error).message, "the disk is gone");
  assertEquals(await sh('ls "$1"', folder.path).run(), "");
  const odd = streamOf("text" as unknown as Uint8Array);
  assertInstanceOf(await failureOf(CAT.stdin(odd).run()), StdinError);
});

test("a stdin file that cannot be opened is SpawnError, and nothing is started", async () => {
  await using folder = await temporaryFolder();
  const command = sh('touch "$1"', folder.file("ran"));
  for (const path of [folder.file("missing"), folder.path]) {
    const error = await failureOf(command.stdin(Stdin.fromFile(path)).run());
    assertInstanceOf(error, SpawnError);
    assertStringIncludes(error.message, path);
  }
  assertEquals(await sh('ls "$1"', folder.path).run(), "");
});

test("a one-shot source feeds one run: a second one is refused before anything is started", async () => {
  await using folder = await temporaryFolder();
  const command = sh('cat; touch "$1"', folder.file("ran")).stdin(
    streamOf(new Uint8Array([97])),
  );
  const [first, second] = await Promise.allSettled([
    command.run(),
    command.arg("clone").run(),
  ]);
  assertEquals(first, { status: "fulfilled", value: "a" });
  assert(second.status === "rejected");
  assertInstanceOf(second.reason, StdinConsumedError);
  assertEquals(second.reason.program, "sh");
  await sh('rm "$1"', folder.file("ran")).run();
  assertInstanceOf(await failureOf(command.run()), StdinConsumedError);
  assertEquals(await sh('ls "$1"', folder.path).run(), "");
});

test("the same stream in two commands is one source", async () => {
  const stream = streamOf(new Uint8Array([97]));
  assertEquals(await CAT.stdin(stream).run(), "a");
  assertInstanceOf(
    await failureOf(CAT.stdin(stream).run()),
    StdinConsumedError,
  );
  const read = streamOf(new Uint8Array([97]));
  const reader = read.getReader();
  assertInstanceOf(await failureOf(CAT.stdin(read).run()), StdinConsumedError);
  reader.releaseLock();
  assertEquals(await CAT.stdin(read).run(), "a");
});

test("a run that never started has not consumed its source", async () => {
  const stream = streamOf(new Uint8Array([97]));
  assertInstanceOf(
    await failureOf(new Command("true").cwd("/no/such").stdin(stream).run()),
    SpawnError,
  );
  await failureOf(CAT.cancelOn(AbortSignal.abort()).stdin(stream).run());
  assert(!stream.locked);
  assertEquals(await CAT.stdin(stream).run(), "a");
});

test("a retry with a one-shot source is refused, and tells what the first attempt failed with", async () => {
  const command = sh("cat; exit 3").stdin(streamOf(new Uint8Array([97])))
    .retry({ attempts: 5, when: () => true });
  const error = await failureOf(command.run());
  assertInstanceOf(error, StdinConsumedError);
  assertStringIncludes(String(error.cause), "code 3");
});

test("a scripted run uses a one-shot source up, as a live one does", async () => {
  const runner = new ScriptedRunner().fallback(Reply.ok());
  const command = CAT.stdin(streamOf(new Uint8Array([97])));
  await runner.run(command);
  assertInstanceOf(await failureOf(runner.run(command)), StdinConsumedError);
});

test("an inherited stdin is the caller's own", async () => {
  const request = { program: "cat", inheritStdin: true };
  const answer = await outcomeIn(
    runtimeName,
    request,
    undefined,
    Stdin.fromString("typed"),
  );
  assertEquals(answer.stdout, "typed");
});

test("a stdin file that nobody opens for writing holds up neither a deadline nor an abort", async () => {
  await using folder = await temporaryFolder();
  await sh('mkfifo "$1"', folder.file("fifo")).run();
  const command = CAT.stdin(Stdin.fromFile(folder.file("fifo")));
  const late = await command.timeout(200).outputString();
  assertEquals([late.timedOut, late.stdout], [true, ""]);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 100);
  assertInstanceOf(
    await failureOf(command.cancelOn(abort.signal).run()),
    CancelledError,
  );
  // Until somebody does, the system keeps waiting to open it.
  await sh(': > "$1"', folder.file("fifo")).run();
});

test("an abort by the source itself counts, from its first step on", async () => {
  const abort = new AbortController();
  async function* lines() {
    abort.abort();
    yield await Promise.resolve("x");
  }
  const command = new Command("sleep", ["60"]).stdin(
    Stdin.fromAsyncLines(lines()),
  ).cancelOn(abort.signal);
  assertInstanceOf(await failureOf(command.run()), CancelledError);
});

test("a source that fails to be given back does no harm", async () => {
  const lines = (): AsyncIterable<string> => ({
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false, value: "line" }),
      return: () => {
        throw new Error("not mine to give");
      },
    }),
  });
  assertEquals(
    await new Command("head", ["-n", "1"]).stdin(Stdin.fromAsyncLines(lines()))
      .run(),
    "line",
  );
  assertEquals(
    await new Command("true").stdin(Stdin.fromAsyncLines(lines())).exitCode(),
    0,
  );
});

test("a stream that gives nothing where it should give bytes fails, and does not end", async () => {
  const holey = streamOf(new Uint8Array([97]), ...[
    null as unknown as Uint8Array,
  ], new Uint8Array([98]));
  assertInstanceOf(await failureOf(CAT.stdin(holey).run()), StdinError);
});

test("a Buffer is copied like any other bytes", async () => {
  const bytes = Buffer.from("abc");
  const stdin = Stdin.fromBytes(bytes);
  bytes[0] = 90;
  assertEquals(await CAT.stdin(stdin).run(), "abc");
});

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length &&
    one.every((byte, index) => byte === other[index]);
}
