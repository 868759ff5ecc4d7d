import { mkdir, readFile, writeFile } from "node:fs/promises";
import {
  CancelledError,
  Command,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
  SpawnError,
  UnsupportedError,
} from "../../mod.ts";
import { collect, failureOf, keeper, never, sh, sleep } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const LONG = 20_000;

test("a tee gets the text as it is, and the sink stays open", async () => {
  const out = keeper();
  const err = keeper();
  const command = sh("printf 'a\\r\\nb\\303\\251'; printf err >&2")
    .stdoutTee(out.sink).stderrTee(err.sink);
  const result = await command.outputString();
  assertEquals([out.text(), err.text()], ["a\r\nbé", "err"]);
  assertEquals([result.stdout, result.stderr], ["a\r\nbé", "err"]);
  await command.outputBytes();
  assertEquals(out.text(), "a\r\nbéa\r\nbé");
  assert(!out.sink.locked);
  await out.sink.getWriter().close();
});

test("both streams, and several runs at once, may have the same sink", async () => {
  const { sink, text } = keeper();
  const command = sh('echo "$1"; echo "$1" >&2').stdoutTee(sink).stderrTee(
    sink,
  );
  await Promise.all([command.arg("one").run(), command.arg("two").run()]);
  assertEquals(text().trimEnd().split("\n").sort(), [
    "one",
    "one",
    "two",
    "two",
  ]);
  assert(!sink.locked);
});

test("a tee is served whoever reads, also of bytes, and of a live process", async () => {
  const { sink, text } = keeper();
  const command = sh("echo a; echo b").stdoutTee(sink);
  await using lines = await command.start();
  assertEquals(await collect(lines.stdoutLines()), ["a", "b"]);
  await using stream = await command.start();
  await collect(stream.stdoutStream());
  await using unread = await command.start();
  await unread.wait();
  assertEquals(text(), "a\nb\n".repeat(3));
});

test("a slow sink is waited for, and slows the process down", async () => {
  let written = 0;
  const slow = new WritableStream<string>({
    async write(text) {
      await sleep(5);
      written += text.length;
    },
  });
  const result = await sh("seq 20000").stdoutTee(slow).outputString();
  assertEquals([written, result.stdout.length], [108894, 108894]);
});

test("a sink that fails is written to no more, and the run goes on", async () => {
  let writes = 0;
  const failing = new WritableStream<string>({
    write() {
      if (++writes === 2) throw new Error("disk full");
    },
  });
  const heard: string[] = [];
  const result = await sh("echo a; sleep 0.05; echo b; sleep 0.05; echo c")
    .stdoutTee(failing).onStdoutLine((line) => void heard.push(line))
    .outputString();
  assertEquals([result.stdout, writes, heard], ["a\nb\nc\n", 2, [
    "a",
    "b",
    "c",
  ]]);
  assertEquals(result.handlerErrors().map(String), ["Error: disk full"]);
});

test("a sink that somebody else has is reported, and one that is closed", async () => {
  const { sink } = keeper();
  const writer = sink.getWriter();
  const locked = await sh("echo a").stdoutTee(sink).outputString();
  assertEquals([locked.stdout, locked.handlerErrors().length], ["a\n", 1]);
  assertInstanceOf(locked.handlerErrors()[0], TypeError);
  await writer.close();
  writer.releaseLock();
  const closed = await sh("echo a").stdoutTee(sink).outputString();
  assertEquals([closed.stdout, closed.handlerErrors().length], ["a\n", 1]);
});

test("a sink that never answers does not outlast a timeout or an abort", async () => {
  const stuck = () => new WritableStream<string>({ write: never });
  const late = await sh("echo a; sleep 60").stdoutTee(stuck()).timeout(200)
    .outputString();
  assertEquals([late.timedOut, late.stdout], [true, "a\n"]);
  const abort = new AbortController();
  const aborted = sh("echo a; sleep 60").stdoutTee(stuck()).cancelOn(
    abort.signal,
  )
    .outputString();
  setTimeout(() => abort.abort(), 100);
  assertInstanceOf(await failureOf(aborted), CancelledError);
  await using process = await sh("echo a; sleep 60").stdoutTee(stuck()).start();
  await process.waitForLine((line) => line === "a", LONG);
});

test("a scripted and a replayed run have their tees served", async () => {
  await using folder = await temporaryFolder();
  const { sink, text } = keeper();
  const command = sh("echo a; echo b >&2").stdoutTee(sink).stderrTee(sink);
  const scripted = new ScriptedRunner().fallback(Reply.ok("s").withStderr("t"));
  await scripted.run(command);
  assertEquals(text(), "st");
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(
    path,
    scripted,
    (runner) => runner.run(command),
  );
  await (await RecordReplayRunner.replay(path)).run(command);
  assertEquals(text(), "ststst");
});

test("what is no sink is refused where it is set", () => {
  assertThrows(
    () => sh(":").stdoutTee({} as WritableStream<string>),
    TypeError,
    "stdoutTee",
  );
});

test("a child writes to its file by itself, and nothing is captured", async () => {
  await using folder = await temporaryFolder();
  const [out, err] = [folder.file("out"), folder.file("err")];
  await writeFile(out, "what was there before, and is longer");
  const command = sh("echo out; echo err >&2; ls -l /proc/self/fd/1");
  const result = await command.stdoutFile(out).stderrFile(err).outputString();
  assertEquals([result.stdout, result.stderr, result.code], ["", "", 0]);
  assertEquals(await readFile(err, "utf8"), "err\n");
  const text = await readFile(out, "utf8");
  assert(text.startsWith("out\n"));
  assertStringIncludes(text, out);
});

test("a file is appended to if it is to be, and both streams may have the same", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("log");
  await writeFile(path, "before\n");
  const command = sh("echo out; echo err >&2; echo out");
  await command.stdoutFile(path, { append: true }).stderrFile(
    new URL(`file://${path}`),
    { append: true },
  ).run();
  assertEquals(await readFile(path, "utf8"), "before\nout\nerr\nout\n");
  await command.stdoutFile(path).stderrFile(path).run();
  assertEquals(await readFile(path, "utf8"), "out\nerr\nout\n");
  // By whatever path it is the same.
  await command.cwd(folder.path).stdoutFile(path).stderrFile(
    folder.file("../") + path.split("/").slice(-2).join("/"),
  ).run();
  assertEquals(await readFile(path, "utf8"), "out\nerr\nout\n");
  // What is said last counts.
  assertEquals(
    await command.stdoutFile(path).stdout("piped").run(),
    "out\nout",
  );
});

test("a file that cannot be opened starts nothing, and the error names it", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("no/such/folder/out");
  const ran = folder.file("ran");
  const error = await failureOf(
    sh('touch "$1"', ran).stderrFile(folder.file("err")).stdoutFile(path).run(),
  );
  assertInstanceOf(error, SpawnError);
  assertStringIncludes(error.message, path);
  assertStringIncludes(error.message, "stdout file");
  await mkdir(folder.file("folder"));
  await assertRejects<Error>(
    () => sh(":").stderrFile(folder.file("folder")).run(),
    SpawnError,
    "stderr file",
  );
  assertEquals(await sh('ls "$1"', folder.path).run(), "folder");
});

test("a FIFO that nobody reads does not outlast a timeout", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("fifo");
  await new Command("mkfifo", [path]).run();
  const late = await sh("echo x").stdoutFile(path).timeout(200).outputString();
  assert(late.timedOut);
  // Whoever reads it lets go of the open call that is still under way.
  await sh('timeout 5 cat "$1" >/dev/null', path).run();
  const reading = sh('cat "$1"', path).run();
  await sh("echo through").stdoutFile(path).run();
  assertEquals(await reading, "through");
});

test("a live process with a file for its stdout has no lines to be read", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("out");
  await using process = await sh("echo out; echo err >&2").stdoutFile(path)
    .start();
  assertThrows(() => process.stdoutLines(), UnsupportedError);
  assertEquals((await process.finish()).stderr, "err\n");
  assertEquals(await readFile(path, "utf8"), "out\n");
});

test("a cassette refuses output that goes to a file, in both modes", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const recorder = RecordReplayRunner.record(path);
  await recorder.save();
  const replayer = await RecordReplayRunner.replay(path);
  const command = sh("echo x").stdoutFile(folder.file("out"));
  for (const runner of [recorder, replayer]) {
    await assertRejects(() => runner.run(command), UnsupportedError, "file");
    await assertRejects(() => runner.start(command), UnsupportedError, "file");
  }
  assertEquals(await sh('ls "$1"', folder.path).run(), "c.json");
});
