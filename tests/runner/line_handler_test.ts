import {
  CancelledError,
  Command,
  JobRunner,
  type ProcessRunner,
  Reply,
  ScriptedRunner,
} from "../../mod.ts";
import { failureOf, never, sh, sleep } from "../commands.ts";
import { test } from "../harness.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

/** The lines that a handler sees of a text, by whatever runner prints it. */
async function linesOf(
  runner: ProcessRunner,
  command: Command,
): Promise<string[]> {
  const lines: string[] = [];
  await runner.outputString(
    command.onStdoutLine((line) => void lines.push(line)),
  );
  return lines;
}

const TEXTS: [string, string[], string[]][] = [
  ["", [], []],
  ["a", ["a"], ["a"]],
  ["a\n", ["a"], ["a"]],
  ["\n", [""], [""]],
  ["\n\n", ["", ""], ["", ""]],
  ["a\r\nb\r\n", ["a", "b"], ["a", "b"]],
  ["a\r\r\nb", ["a\r", "b"], ["a", "", "b"]],
  ["a\rb\rc", ["a\rb\rc"], ["a", "b", "c"]],
  ["a\r", ["a\r"], ["a"]],
  ["10%\r20%\r\ndone\n", ["10%\r20%", "done"], ["10%", "20%", "done"]],
  ["é\u2028x\u0085y\n", ["é\u2028x\u0085y"], ["é\u2028x\u0085y"]],
];

test("a line is the same thing live and scripted, with either terminator", async () => {
  await using live = new JobRunner();
  for (const [text, lf, cr] of TEXTS) {
    const print = new Command("printf", ["%s", text]);
    for (
      const runner of [live, new ScriptedRunner().fallback(Reply.ok(text))]
    ) {
      assertEquals(await linesOf(runner, print), lf, JSON.stringify(text));
      assertEquals(
        await linesOf(runner, print.lineTerminator("cr")),
        cr,
        JSON.stringify(text),
      );
    }
  }
});

test("a line is the same thing however its text is cut", async () => {
  await using live = new JobRunner();
  const bytewise = (text: string) =>
    sh(
      'for piece; do printf %b "$piece"; sleep 0.01; done',
      ...Array.from(text, (c) => `\\0${c.charCodeAt(0).toString(8)}`),
    );
  for (const [text, lf, cr] of TEXTS.slice(0, 10)) {
    assertEquals(await linesOf(live, bytewise(text)), lf, JSON.stringify(text));
    assertEquals(
      await linesOf(live, bytewise(text).lineTerminator("cr")),
      cr,
      JSON.stringify(text),
    );
  }
});

test("a bare carriage return ends its line at once, not when the next character comes", async () => {
  const times: number[] = [];
  const started = performance.now();
  await sh("printf '10%%\\r'; sleep 0.8; printf '\\n20%%\\r'").lineTerminator(
    "cr",
  )
    .onStdoutLine(() => void times.push(performance.now() - started)).run();
  assertEquals(times.length, 2);
  assert(times[0] < times[1] - 400, `${times}`);
});

test("handlers are called in order, and a promise is awaited before the next line", async () => {
  const events: string[] = [];
  await sh("echo 1; echo 2; echo 3").onStdoutLine(async (line) => {
    events.push(`begin ${line}`);
    await sleep(20);
    events.push(`end ${line}`);
  }).onStdoutLine((line) => void events.push(`second ${line}`)).run();
  assertEquals(
    events,
    ["1", "2", "3"].flatMap((
      line,
    ) => [`begin ${line}`, `end ${line}`, `second ${line}`]),
  );
});

test("both streams have their own handlers", async () => {
  const out: string[] = [];
  const err: string[] = [];
  const result = await sh("echo out; echo err >&2").onStdoutLine((line) =>
    void out.push(line)
  )
    .onStderrLine((line) => void err.push(line)).outputString();
  assertEquals([out, err, result.stdout, result.stderr], [
    ["out"],
    ["err"],
    "out\n",
    "err\n",
  ]);
});

test("bytes have lines too", async () => {
  const lines: string[] = [];
  const result = await sh("printf 'a\\nb'").onStdoutLine((line) =>
    void lines.push(line)
  ).outputBytes();
  assertEquals([lines, [...result.stdout]], [["a", "b"], [97, 10, 98]]);
});

test("a handler that throws or rejects is switched off, and the output stays whole", async () => {
  await using live = new JobRunner();
  const print = new Command("printf", ["%s", "1\n2\n3\n"]);
  for (
    const runner of [live, new ScriptedRunner().fallback(Reply.ok("1\n2\n3\n"))]
  ) {
    const calls: string[] = [];
    const result = await runner.outputString(
      print.onStdoutLine((line) => {
        calls.push(`throws ${line}`);
        throw new Error("thrown");
      }).onStdoutLine((line) => {
        calls.push(`rejects ${line}`);
        return line === "2" ? Promise.reject("rejected") : Promise.resolve();
      }).onStdoutLine((line) => void calls.push(`fine ${line}`)),
    );
    assertEquals(result.stdout, "1\n2\n3\n");
    assertEquals(calls, [
      "throws 1",
      "rejects 1",
      "fine 1",
      "rejects 2",
      "fine 2",
      "fine 3",
    ]);
    assertEquals(result.handlerErrors().map(String), [
      "Error: thrown",
      "rejected",
    ]);
  }
});

test("a slow handler loses nothing of what a child that has ended had printed", async () => {
  const lines: string[] = [];
  const result = await sh("seq 1 2000").onStdoutLine(async (line) => {
    lines.push(line);
    if (lines.length % 500 === 0) await sleep(700);
  }).outputString();
  assertEquals([lines.length, result.truncated], [2000, false]);
  assert(result.duration() > 2500);
});

test("a slow handler slows the child down", async () => {
  let seen = 0;
  const print = sh("yes $(printf %099d 0) | head -n 400000; date +%s%N >&2");
  const { stderr } = await print.onStdoutLine(() => {
    if (++seen % 50_000 === 0) return sleep(400);
  }).outputString();
  // Eight pauses of 5 MB each; what pipes and buffers hold is a fraction of one.
  const sinceChildEnded = Date.now() - Number(stderr) / 1e6;
  assertEquals(seen, 400_000);
  assert(sinceChildEnded < 2000, `${sinceChildEnded}`);
});

test("a timeout settles the verb even while a handler is pending, with all the output", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const result = await sh("echo 1; echo 2; sleep 60").onStdoutLine(() =>
    promise
  ).timeout(200).outputString();
  assert(result.timedOut);
  assertEquals(result.stdout, "1\n2\n");
  resolve();
});

test("the deadline bounds the handlers of a run whose child has ended by itself, too", async () => {
  await using live = new JobRunner();
  const command = new Command("echo", ["1"]).onStdoutLine(never).timeout(200);
  for (const runner of [live, new ScriptedRunner().fallback(Reply.ok("1\n"))]) {
    const result = await runner.outputString(command);
    assertEquals([result.timedOut, result.stdout], [true, "1\n"]);
  }
});

test("an abort settles the verb even while a handler is pending", async () => {
  await using live = new JobRunner();
  for (const runner of [live, new ScriptedRunner().fallback(Reply.ok("1\n"))]) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 100);
    const command = sh("echo 1; sleep 60").onStdoutLine(never).cancelOn(
      abort.signal,
    );
    assertInstanceOf(
      await failureOf(runner.outputString(command)),
      CancelledError,
    );
  }
});

test("a handler is not called after the verb has settled", async () => {
  let calls = 0;
  const first = Promise.withResolvers<void>();
  await sh("while :; do echo x; done").timeout(200).onStdoutLine(() => {
    calls++;
    return first.promise;
  }).outputString();
  first.resolve();
  await sleep(50);
  assertEquals(calls, 1);
});

test("a million lines come through a handler, each once", async () => {
  let count = 0;
  let sum = 0;
  const result = await new Command("seq", ["1000000"]).onStdoutLine((line) => {
    count++;
    sum += Number(line);
  }).outputString();
  assertEquals([count, sum, result.stdout.length], [
    1_000_000,
    500_000_500_000,
    6_888_896,
  ]);
});

test("a promise-like that throws is a handler that rejects", async () => {
  const odd = {
    then() {
      throw new Error("no promise at all");
    },
  } as unknown as Promise<void>;
  const result = await sh("seq 200000").onStdoutLine(() => odd).outputString();
  assertEquals([result.stdout.length, result.handlerErrors().map(String)], [
    1288895,
    ["Error: no promise at all"],
  ]);
});

test("a background writer that never stops does not hold up a call with a handler, either", async () => {
  const result = await sh("yes & echo early").onStdoutLine(async () =>
    await Promise.resolve()
  ).outputBytes();
  assertEquals(result.code, 0);
});

test("a deadline is heard while the output never pauses, whatever the handler is like", async () => {
  for (const handler of [() => {}, async () => await Promise.resolve()]) {
    const result = await new Command("yes").timeout(300).onStdoutLine(handler)
      .outputBytes();
    assert(result.timedOut);
    assert(result.duration() < 3000, `${result.duration()}`);
  }
  assert((await new Command("yes").timeout(300).outputBytes()).timedOut);
});
