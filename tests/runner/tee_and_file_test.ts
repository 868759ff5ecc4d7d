import { mkdir, readFile, writeFile } from "node:fs/promises";
import {
  CancelledError,
  Command,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
  SpawnError,
  Stdin,
  UnsupportedError,
} from "../../mod.ts";
import { collect, failureOf, never, sh, sleep, textSink } from "../commands.ts";
import { eventually, temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";
import { soon, withTimeoutAfterReady } from "./deadline.ts";

const LONG = 60_000;

test("a tee gets the output verbatim, and its sink stays open", async () => {
  const out = textSink();
  const err = textSink();
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

test("both streams and several concurrent runs can write to the same sink", async () => {
  const { sink, text } = textSink();
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

test("a tee gets the output of a live process, whether it is read as lines, as bytes or not", async () => {
  const { sink, text } = textSink();
  const command = sh("echo a; echo b").stdoutTee(sink);
  await using lines = await command.start();
  assertEquals(await collect(lines.stdoutLines()), ["a", "b"]);
  await using stream = await command.start();
  await collect(stream.stdoutStream());
  await using unread = await command.start();
  await unread.wait();
  assertEquals(text(), "a\nb\n".repeat(3));
});

test("a run waits for a slow sink, and its child waits meanwhile", async () => {
  // 4 MB, which is more than pipes and buffers hold. stderr tells how far it is.
  const script =
    "line=$(printf %02000d 0); i=0; while [ $i -lt 2000 ]; do echo $line; echo >&2; i=$((i + 1)); done";
  let written = 0;
  let printed = 0;
  let printedInPause = -1;
  const slow = new WritableStream<string>({
    async write(text) {
      if (written === 0) {
        let before = -1;
        await eventually("the child waits for the sink", async () => {
          before = printed;
          await sleep(200);
          return before === printed;
        });
        printedInPause = printed;
      }
      written += text.length;
    },
  });
  const result = await sh(script).stdoutTee(slow)
    .onStderrLine(() => void printed++).outputString();
  assertEquals(result.handlerErrors(), []);
  assertEquals([written, result.stdout.length], [4_002_000, 4_002_000]);
  assert(printedInPause > 0 && printedInPause < 1900, `${printedInPause}`);
});

test("nothing more is written to a sink that has failed, and the run goes on", async () => {
  let writes = 0;
  const failing = new WritableStream<string>({
    write() {
      if (++writes === 2) throw new Error("disk full");
    },
  });
  const heard: string[] = [];
  const next = [0, 1, 2].map(() => Promise.withResolvers<void>());
  // The child prints its next line when the handler has got this one.
  async function* input() {
    for (const { promise } of next) {
      await promise;
      yield "";
    }
  }
  const result = await sh("echo a; read _; echo b; read _; echo c; read _")
    .stdin(Stdin.fromAsyncLines(input())).stdoutTee(failing)
    .onStdoutLine((line) => next[heard.push(line) - 1].resolve())
    .outputString();
  assertEquals([result.stdout, writes, heard], ["a\nb\nc\n", 2, [
    "a",
    "b",
    "c",
  ]]);
  assertEquals(result.handlerErrors().map(String), ["Error: disk full"]);
});

test("a sink that is locked or closed is an error of the handlers, and the run goes on", async () => {
  const { sink } = textSink();
  const writer = sink.getWriter();
  const locked = await sh("echo a").stdoutTee(sink).outputString();
  assertEquals([locked.stdout, locked.handlerErrors().length], ["a\n", 1]);
  assertInstanceOf(locked.handlerErrors()[0], TypeError);
  await writer.close();
  writer.releaseLock();
  const closed = await sh("echo a").stdoutTee(sink).outputString();
  assertEquals([closed.stdout, closed.handlerErrors().length], ["a\n", 1]);
});

test("a timeout and an abort end a run whose sink never completes a write", async () => {
  const stuck = () => new WritableStream<string>({ write: never });
  const late = await withTimeoutAfterReady((timeout, ready) =>
    sh('echo a; : >"$1"; sleep 60', ready).stdoutTee(stuck()).timeout(timeout)
      .outputString()
  );
  assertEquals([late.timedOut, late.stdout], [true, "a\n"]);
  const abort = new AbortController();
  const aborted = sh("echo a; sleep 600").stdoutTee(stuck()).cancelOn(
    abort.signal,
  )
    .outputString();
  setTimeout(() => abort.abort(), 100);
  assertInstanceOf(await soon(failureOf(aborted)), CancelledError);
  await using process = await sh("echo a; sleep 60").stdoutTee(stuck()).start();
  await process.waitForLine((line) => line === "a", LONG);
});

test("tees get the output of a scripted and of a replayed run", async () => {
  await using folder = await temporaryFolder();
  const { sink, text } = textSink();
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

test("stdoutTee refuses what is no WritableStream", () => {
  assertThrows(
    () => sh(":").stdoutTee({} as WritableStream<string>),
    TypeError,
    "stdoutTee",
  );
});

test("with stdoutFile and stderrFile the child writes to the files itself, and nothing is captured", async () => {
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

test("append keeps what a file has, and both streams can write to the same file", async () => {
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
  // The same file by another path.
  await command.cwd(folder.path).stdoutFile(path).stderrFile(
    folder.file("../") + path.split("/").slice(-2).join("/"),
  ).run();
  assertEquals(await readFile(path, "utf8"), "out\nerr\nout\n");
  // The last setting counts.
  assertEquals(
    await command.stdoutFile(path).stdout("piped").run(),
    "out\nout",
  );
});

test("with a file that cannot be opened no child is started, and the error names the file", async () => {
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

test("a timeout ends a run whose output file is a FIFO without a reader", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("fifo");
  await new Command("mkfifo", [path]).run();
  const late = await sh("echo x").stdoutFile(path).timeout(200).outputString();
  assert(late.timedOut);
  // A reader ends the call of open that is still waiting.
  await sh('timeout 60 cat "$1" >/dev/null', path).run();
  const reading = sh('cat "$1"', path).run();
  await sh("echo through").stdoutFile(path).run();
  assertEquals(await reading, "through");
});

test("the lines of a live process with an output file cannot be read", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("out");
  await using process = await sh("echo out; echo err >&2").stdoutFile(path)
    .start();
  assertThrows(() => process.stdoutLines(), UnsupportedError);
  assertEquals((await process.finish()).stderr, "err\n");
  assertEquals(await readFile(path, "utf8"), "out\n");
});

test("a cassette refuses a command with an output file, in both modes", async () => {
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
