import { writeFile } from "node:fs/promises";
import { Command, ProcessStdin, Stdin, StdinClosedError } from "../../mod.ts";
import { collect, failureOf, sh, sleep } from "../commands.ts";
import { isAlive, temporaryFolder, test } from "../harness.ts";
import { sized } from "../size.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../std.ts";

const LONG = 60_000;
const TRIPS = sized(200, 1000);

/** Answers each number with the next number. */
const calculator = () =>
  sh("while read n; do echo $((n + 1)); done").keepStdinOpen();

test("many lines written to stdin are each answered before the next, read by stdoutLines", async () => {
  await using process = await calculator().start();
  const stdin = process.takeStdin()!;
  const lines = process.stdoutLines();
  let number = 0;
  for (let trip = 0; trip < TRIPS; trip++) {
    await stdin.writeLine(String(number));
    number = Number((await lines.next()).value);
  }
  assertEquals(number, TRIPS);
  await stdin.finish();
  assertEquals(await lines.next(), { value: undefined, done: true });
  assertEquals((await process.finish()).outcome, { kind: "exited", code: 0 });
});

test("many lines written to stdin are each answered before the next, read by waitForLine", async () => {
  await using process = await calculator().start();
  const stdin = process.takeStdin()!;
  for (let trip = 0; trip < TRIPS; trip++) {
    await stdin.writeLine(String(trip));
    const answer = await process.waitForLine(() => true, LONG);
    assertEquals(answer, String(trip + 1));
  }
});

test("disposing a process while a line is written to its stdin ends it", async () => {
  let pid = 0;
  {
    await using process = await calculator().start();
    pid = process.pid!;
    const stdin = process.takeStdin()!;
    await stdin.writeLine("1");
    await process.waitForLine(() => true, LONG);
    stdin.writeLine("2");
  }
  assert(!await isAlive(pid));
});

test("stdin can be taken once, and only if the command leaves it open", async () => {
  await using open = await new Command("cat").keepStdinOpen().start();
  assertInstanceOf(open.takeStdin(), ProcessStdin);
  assertEquals(open.takeStdin(), null);
  await using closed = await new Command("cat").start();
  assertEquals(closed.takeStdin(), null);
  assertEquals(await closed.wait(), { kind: "exited", code: 0 });
  await using inherited = await sh(":").keepStdinOpen().inheritStdin().start();
  assertEquals(inherited.takeStdin(), null);
  await using opened = await new Command("cat").inheritStdin().keepStdinOpen()
    .start();
  await opened.takeStdin()!.finish();
  assertEquals(await opened.wait(), { kind: "exited", code: 0 });
});

test("text and bytes are written unchanged, after the command's own stdin", async () => {
  await using process = await new Command("od", ["-An", "-tx1"])
    .stdin("first ").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  await stdin.write("é");
  await stdin.write(new Uint8Array([0, 255]));
  await stdin.write("");
  await stdin.writeLine("x");
  await stdin.finish();
  assertEquals(
    (await process.outputString()).stdout.trim().replaceAll(/\s+/g, " "),
    "66 69 72 73 74 20 c3 a9 00 ff 78 0a",
  );
});

test("waiting for the end closes an open stdin that was not taken", async () => {
  const command = new Command("cat").stdin("given\n").keepStdinOpen();
  assertEquals(await command.run(), "given");
  assertEquals((await command.outputBytes()).stdout.length, 6);
  const waits = [
    (process: Awaited<ReturnType<Command["start"]>>) => process.wait(),
    async (process: Awaited<ReturnType<Command["start"]>>) =>
      (await process.outputString()).outcome,
    async (process: Awaited<ReturnType<Command["start"]>>) =>
      (await process.finish()).outcome,
  ];
  for (const wait of waits) {
    await using process = await command.start();
    assertEquals(await wait(process), { kind: "exited", code: 0 });
    assertEquals(process.takeStdin(), null);
  }
});

test("waiting for the end leaves a taken stdin open", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const output = process.outputString();
  await sleep(50);
  await stdin.write("late");
  await stdin.finish();
  assertEquals((await output).stdout, "late");
});

test("a stream can be piped to stdin", async () => {
  await using process = await new Command("wc", ["-c"]).keepStdinOpen().start();
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let piece = 0; piece < 100; piece++) {
        controller.enqueue(new Uint8Array(10_000));
      }
      controller.close();
    },
  });
  await source.pipeTo(process.takeStdin()!);
  assertEquals((await process.outputString()).stdout.trim(), "1000000");
});

test("a write waits until the process reads it", async () => {
  // The process reads nothing before the file is there.
  await using folder = await temporaryFolder();
  const go = folder.file("go");
  await using process = await sh(
    'while [ ! -e "$1" ]; do sleep 0.01; done; wc -c',
    go,
  ).keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  let isWritten = false;
  const writing = stdin.write(new Uint8Array(5_000_000)).then(() =>
    isWritten = true
  );
  await sleep(50);
  assert(!isWritten);
  await writeFile(go, "");
  await writing;
  await Promise.all([1, 2, 3].map(() => stdin.write(new Uint8Array(1000))));
  await stdin.finish();
  assertEquals((await process.outputString()).stdout.trim(), "5003000");
});

test("writing to a process that has ended is a StdinClosedError", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  process.kill();
  await process.wait();
  const error = await failureOf(stdin.writeLine("hello"));
  assertInstanceOf(error, StdinClosedError);
  assertEquals([error.kind, error.program], ["stdin-closed", "cat"]);
  await assertRejects(() => stdin.write("again"), StdinClosedError);
  await stdin.finish();
});

test("writing to a process that closes its stdin or exits is a StdinClosedError", async () => {
  for (const script of ["exec <&-; echo closed; sleep 60", "read x; exit 1"]) {
    await using process = await sh(script).keepStdinOpen().start();
    const stdin = process.takeStdin()!;
    if (script.startsWith("exec")) {
      await process.waitForLine(() => true, LONG);
    } else {
      await stdin.writeLine("exit");
    }
    const error = await failureOf((async () => {
      for (let write = 0; write < 1000; write++) {
        await stdin.write(new Uint8Array(100_000));
      }
    })());
    assertInstanceOf(error, StdinClosedError, script);
  }
});

test("a write that the process does not read rejects when the process is killed", async () => {
  await using process = await sh("sleep 60").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const writing = failureOf(stdin.write(new Uint8Array(10_000_000)));
  await sleep(100);
  process.kill();
  assertInstanceOf(await writing, StdinClosedError);
});

test("a failed write that is not awaited causes no unhandled rejection", async () => {
  // An unhandled rejection fails the test.
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  process.kill();
  await process.wait();
  stdin.writeLine("lost");
  stdin.write(new Uint8Array(1000));
  await sleep(50);
});

test("writing after finish is a StdinClosedError, and a second finish does nothing", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  stdin.writeLine("one");
  await stdin.finish();
  await stdin.finish();
  await assertRejects(() => stdin.writeLine("two"), StdinClosedError);
  assertEquals(await collect(process.stdoutLines()), ["one"]);
});

test("finish rejects while stdin is locked, and can be called again", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const writer = stdin.getWriter();
  await assertRejects<Error>(() => stdin.finish(), TypeError, "release");
  writer.releaseLock();
  await stdin.finish();
  assertEquals(await process.wait(), { kind: "exited", code: 0 });
});

test("write rejects while stdin is locked, and for what is neither text nor bytes", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const writer = stdin.getWriter();
  await assertRejects<Error>(() => stdin.write("x"), TypeError);
  writer.releaseLock();
  const error = await failureOf(stdin.write(5 as unknown as string));
  assertInstanceOf(error, TypeError);
  assertStringIncludes(error.message, "number");
});

test("a one-shot source is written to a live process before what is written by hand", async () => {
  async function* lines() {
    await sleep(50);
    yield "from the source";
  }
  await using process = await new Command("cat")
    .stdin(Stdin.fromAsyncLines(lines())).keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  await stdin.writeLine("by hand");
  await stdin.finish();
  const found = await collect(process.stdoutLines());
  assertEquals(found, ["from the source", "by hand"]);
  assert(process.stdoutLineCount === 2);
});
