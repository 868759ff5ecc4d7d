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
import { failureOf, never, sh, signal } from "../commands.ts";
import {
  eventually,
  isAlive,
  runtimeName,
  temporaryFolder,
  test,
} from "../harness.ts";
import { outcomeIn } from "../runtimes.ts";
import { soon } from "./deadline.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "../std.ts";

/** Bytes without a short period, so that a missing or repeated piece makes a difference. */
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
const PATTERN = pattern(10_000_000);

test("10 MB of bytes reach the child unchanged", async () => {
  const { stdout } = await CAT.stdin(PATTERN).outputBytes();
  assert(equal(stdout, PATTERN));
});

test("10 MB from a file and from a stream reach the child unchanged", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("input"), PATTERN);
  const fromFile = CAT.stdin(Stdin.fromFile(folder.file("input")));
  for (let round = 0; round < 2; round++) {
    assert(equal((await fromFile.outputBytes()).stdout, PATTERN));
  }
  const stream = streamOf(
    PATTERN.subarray(0, 3_000_000),
    new Uint8Array(0),
    PATTERN.subarray(3_000_000),
  );
  assert(equal((await CAT.stdin(stream).outputBytes()).stdout, PATTERN));
});

test("without a stdin source, and with an empty one, the child reads the end of file", async () => {
  assertEquals(await CAT.run(), "");
  assertEquals(await CAT.stdin("").run(), "");
  assertEquals(await CAT.stdin(Stdin.fromLines([])).run(), "");
  assertEquals(await CAT.stdin("x").stdin(Stdin.empty()).run(), "");
});

test("text and lines are written as UTF-8, with a line feed after every line", async () => {
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

test("a child that does not read its input, or only some of it, is no error", async () => {
  const bytes = PATTERN.subarray(0, 4_000_000);
  assertEquals(await new Command("true").stdin(bytes).exitCode(), 0);
  assertEquals(
    await sh("exec <&-; sleep 0.05; exit 3").stdin(bytes).exitCode(),
    3,
  );
  assertEquals(
    await new Command("head", ["-c", "3"]).stdin("abcdef".repeat(1_000_000))
      .run(),
    "abc",
  );
});

test("a stdin stream that has not ended is cancelled when the child has exited", async () => {
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

test("a stdin source that waits for its next piece does not hold up a run whose child has exited", async () => {
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

test("a daemon that keeps stdin open and does not read it does not hold up the run", async () => {
  // The shell goes on when the daemon has its own session and has closed its stdout.
  const daemonScript = "echo $$; exec sleep 60 >/dev/null 2>&1";
  const result = await sh(
    'exec 3<&0; echo $(setsid sh -c "$1" <&3 &)',
    daemonScript,
  ).stdin(PATTERN.subarray(0, 1_000_000)).outputString();
  const daemon = Number(result.stdout);
  assertEquals(result.code, 0);
  assert(await isAlive(daemon));
  // Until the daemon has gone, Deno has a write under way.
  signal(daemon, "SIGKILL");
  await eventually("the daemon is gone", async () => !await isAlive(daemon));
});

test("a stdin source that fails ends the run before the child can see the end of its input", async () => {
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

test("a stdin file that cannot be opened is a SpawnError, and no child is started", async () => {
  await using folder = await temporaryFolder();
  const command = sh('touch "$1"', folder.file("ran"));
  for (const path of [folder.file("missing"), folder.path]) {
    const error = await failureOf(command.stdin(Stdin.fromFile(path)).run());
    assertInstanceOf(error, SpawnError);
    assertStringIncludes(error.message, path);
  }
  assertEquals(await sh('ls "$1"', folder.path).run(), "");
});

test("a second run with a one-shot source is refused before its child is started", async () => {
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

test("a stream that a run has read, or that is locked, is consumed for other commands too", async () => {
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

test("a run that fails to start does not consume its source", async () => {
  const stream = streamOf(new Uint8Array([97]));
  assertInstanceOf(
    await failureOf(new Command("true").cwd("/no/such").stdin(stream).run()),
    SpawnError,
  );
  await failureOf(CAT.cancelOn(AbortSignal.abort()).stdin(stream).run());
  assert(!stream.locked);
  assertEquals(await CAT.stdin(stream).run(), "a");
});

test("a retry with a one-shot source is refused, with the first attempt's error as its cause", async () => {
  const command = sh("cat; exit 3").stdin(streamOf(new Uint8Array([97])))
    .retry({ attempts: 5, when: () => true });
  const error = await failureOf(command.run());
  assertInstanceOf(error, StdinConsumedError);
  assertStringIncludes(String(error.cause), "code 3");
});

test("a scripted run consumes a one-shot source, as a live run does", async () => {
  const runner = new ScriptedRunner().fallback(Reply.ok());
  const command = CAT.stdin(streamOf(new Uint8Array([97])));
  await runner.run(command);
  assertInstanceOf(await failureOf(runner.run(command)), StdinConsumedError);
});

test("with inheritStdin the child reads the caller's stdin", async () => {
  const request = { program: "cat", inheritStdin: true };
  const answer = await outcomeIn(
    runtimeName,
    request,
    undefined,
    Stdin.fromString("typed"),
  );
  assertEquals(answer.stdout, "typed");
});

test("a FIFO as stdin file, without a writer, does not hold up a timeout or an abort", async () => {
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
  // A writer ends the calls of open that are still waiting.
  await sh(': > "$1"', folder.file("fifo")).run();
});

test("a stdin source that aborts the run itself cancels it", async () => {
  const abort = new AbortController();
  async function* lines() {
    abort.abort();
    yield await Promise.resolve("x");
  }
  const command = new Command("sleep", ["600"]).stdin(
    Stdin.fromAsyncLines(lines()),
  ).cancelOn(abort.signal);
  assertInstanceOf(await soon(failureOf(command.run())), CancelledError);
});

test("an error of the source's return method is ignored", async () => {
  const lines = (): AsyncIterable<string> => ({
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false, value: "line" }),
      return: () => {
        throw new Error("broken");
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

test("a stdin stream that gives null instead of bytes is a StdinError, not the end of the input", async () => {
  const holey = streamOf(new Uint8Array([97]), ...[
    null as unknown as Uint8Array,
  ], new Uint8Array([98]));
  assertInstanceOf(await failureOf(CAT.stdin(holey).run()), StdinError);
});

test("Stdin.fromBytes copies a Buffer", async () => {
  const bytes = Buffer.from("abc");
  const stdin = Stdin.fromBytes(bytes);
  bytes[0] = 90;
  assertEquals(await CAT.stdin(stdin).run(), "abc");
});

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
