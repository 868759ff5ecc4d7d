import { Command, ProcessStdin, Stdin, StdinClosedError } from "../../mod.ts";
import { collect, failureOf, sh, sleep } from "../commands.ts";
import { test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../std.ts";

const LONG = 20_000;

/** Answers every line with one more than it says. */
const calculator = () =>
  sh("while read n; do echo $((n + 1)); done").keepStdinOpen();

test("a conversation of a thousand round trips, by a line reader", async () => {
  await using process = await calculator().start();
  const stdin = process.takeStdin()!;
  const lines = process.stdoutLines();
  let number = 0;
  for (let trip = 0; trip < 1000; trip++) {
    await stdin.writeLine(String(number));
    number = Number((await lines.next()).value);
  }
  assertEquals(number, 1000);
  await stdin.finish();
  assertEquals(await lines.next(), { value: undefined, done: true });
  assertEquals((await process.finish()).outcome, { kind: "exited", code: 0 });
});

test("a conversation of a thousand round trips, by waiting for each answer", async () => {
  await using process = await calculator().start();
  const stdin = process.takeStdin()!;
  for (let trip = 0; trip < 1000; trip++) {
    await stdin.writeLine(String(trip));
    const answer = await process.waitForLine(() => true, LONG);
    assertEquals(answer, String(trip + 1));
  }
});

test("a conversation that is left in the middle leaves nobody behind", async () => {
  await using process = await calculator().start();
  const stdin = process.takeStdin()!;
  await stdin.writeLine("1");
  await process.waitForLine(() => true, LONG);
  stdin.writeLine("2");
});

test("stdin is there once, and only if it was left open", async () => {
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

test("text and bytes arrive as they are, and after what the command gives", async () => {
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

test("an open stdin that nobody takes is closed by who waits for the end", async () => {
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

test("a stdin that was taken stays open while the end is waited for", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const output = process.outputString();
  await sleep(50);
  await stdin.write("late");
  await stdin.finish();
  assertEquals((await output).stdout, "late");
});

test("it is a stream that others can be piped to", async () => {
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

test("a write waits for the reader, however much it is", async () => {
  await using process = await sh("sleep 0.3; wc -c").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  await stdin.write(new Uint8Array(5_000_000));
  await Promise.all([1, 2, 3].map(() => stdin.write(new Uint8Array(1000))));
  await stdin.finish();
  assertEquals((await process.outputString()).stdout.trim(), "5003000");
});

test("writing to a process that has ended is a typed error", async () => {
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

test("a process that closes its stdin, or dies of what it is told, is found out by a write", async () => {
  for (const script of ["exec <&-; echo closed; sleep 60", "read x; exit 1"]) {
    await using process = await sh(script).keepStdinOpen().start();
    const stdin = process.takeStdin()!;
    if (script.startsWith("exec")) {
      await process.waitForLine(() => true, LONG);
    } else {
      await stdin.writeLine("die");
    }
    const error = await failureOf((async () => {
      for (let write = 0; write < 1000; write++) {
        await stdin.write(new Uint8Array(100_000));
      }
    })());
    assertInstanceOf(error, StdinClosedError, script);
  }
});

test("a write that nobody reads is over when the process is", async () => {
  await using process = await sh("sleep 60").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const writing = failureOf(stdin.write(new Uint8Array(10_000_000)));
  await sleep(100);
  process.kill();
  assertInstanceOf(await writing, StdinClosedError);
});

test("a failed write that nobody waits for is nobody's", async () => {
  // An unhandled rejection would fail the test, and end a program.
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  process.kill();
  await process.wait();
  stdin.writeLine("into the void");
  stdin.write(new Uint8Array(1000));
  await sleep(50);
});

test("after finish there is no more writing, and a second finish does nothing", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  stdin.writeLine("one");
  await stdin.finish();
  await stdin.finish();
  await assertRejects(() => stdin.writeLine("two"), StdinClosedError);
  assertEquals(await collect(process.stdoutLines()), ["one"]);
});

test("a finish that somebody else's writer keeps from being one can be tried again", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const writer = stdin.getWriter();
  await assertRejects<Error>(() => stdin.finish(), TypeError, "release");
  writer.releaseLock();
  await stdin.finish();
  assertEquals(await process.wait(), { kind: "exited", code: 0 });
});

test("what is neither text nor bytes is refused, and so is a stdin somebody else writes to", async () => {
  await using process = await new Command("cat").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const writer = stdin.getWriter();
  await assertRejects<Error>(() => stdin.write("x"), TypeError);
  writer.releaseLock();
  const error = await failureOf(stdin.write(5 as unknown as string));
  assertInstanceOf(error, TypeError);
  assertStringIncludes(error.message, "number");
});

test("a one-shot source feeds a live process before it can be written to", async () => {
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
