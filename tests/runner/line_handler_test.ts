import {
  CancelledError,
  Command,
  JobRunner,
  type ProcessRunner,
  Reply,
  ScriptedRunner,
  Stdin,
} from "../../mod.ts";
import { failureOf, never, sh, sleep } from "../commands.ts";
import { eventually, test } from "../harness.ts";
import { sized } from "../size.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";
import { soon, withTimeoutAfterReady } from "./deadline.ts";

const LONG = 60_000;

/** The lines of a command's stdout that a handler gets. */
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

/** A text, and its lines with either terminator. */
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

test("a handler gets the same lines live and scripted, with either terminator", async () => {
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

test("a handler gets the same lines however the output is split", async () => {
  await using live = new JobRunner();
  const bytewise = (text: string) =>
    sh(
      'for piece; do printf %b "$piece"; sleep 0.01; done',
      ...Array.from(text, (c) => `\\0${c.charCodeAt(0).toString(8)}`),
    );
  // Without the last text, whose characters are more than a byte each.
  await Promise.all(
    TEXTS.slice(0, 10).map(async ([text, lf, cr]) => {
      const command = bytewise(text);
      assertEquals(await linesOf(live, command), lf, JSON.stringify(text));
      assertEquals(
        await linesOf(live, command.lineTerminator("cr")),
        cr,
        JSON.stringify(text),
      );
    }),
  );
});

test("with lineTerminator cr a line ends at its carriage return, before the next character comes", async () => {
  const first = Promise.withResolvers<string>();
  async function* lines() {
    yield await first.promise;
  }
  const heard: string[] = [];
  // The child prints no more before the handler has got the first line.
  const result = await sh("printf '10%%\\r'; read _; printf '\\n20%%\\r'")
    .stdin(Stdin.fromAsyncLines(lines())).lineTerminator("cr").timeout(LONG)
    .onStdoutLine((line) => {
      heard.push(line);
      first.resolve("go on");
    }).outputString();
  assertEquals([heard, result.timedOut], [["10%", "20%"], false]);
});

test("handlers are called in order, and a handler's promise is awaited before the next call", async () => {
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

test("each stream has its own handlers", async () => {
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

test("outputBytes calls line handlers too", async () => {
  const lines: string[] = [];
  const result = await sh("printf 'a\\nb'").onStdoutLine((line) =>
    void lines.push(line)
  ).outputBytes();
  assertEquals([lines, [...result.stdout]], [["a", "b"], [97, 10, 98]]);
});

test("a handler that throws or rejects is not called again, and the output stays whole", async () => {
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

test("a slow handler gets all lines of a child that has exited, however long it takes", async () => {
  let count = 0;
  // Two reads: the child exits when the first has been made, whose lines take 2.8 s.
  const result = await sh("seq 1 20000").onStdoutLine(async () => {
    if (++count <= 4000 && count % 1000 === 0) await sleep(700);
  }).outputString();
  assertEquals([count, result.truncated], [20_000, false]);
  // More than the 2 s for which an inherited pipe may stay open.
  assert(result.duration() > 2500);
});

test("a slow handler slows the child down", async () => {
  // 20 MB, which is much more than pipes and buffers hold. stderr tells how far it is.
  const script =
    "line=$(printf %02000d 0); i=0; while [ $i -lt 10000 ]; do echo $line; echo >&2; i=$((i + 1)); done";
  let heard = 0;
  let printed = 0;
  let printedInPause = 0;
  const result = await sh(script).onStderrLine(() => void printed++)
    .onStdoutLine(async () => {
      if (++heard > 1) return;
      let before = -1;
      await eventually("the child waits for the handler", async () => {
        before = printed;
        await sleep(200);
        return before === printed;
      });
      printedInPause = printed;
    }).outputString();
  assertEquals(result.handlerErrors(), []);
  assertEquals([heard, printed], [10_000, 10_000]);
  assert(printedInPause > 0 && printedInPause < 9000, `${printedInPause}`);
});

test("a timeout ends a run whose handler is pending, and the result has all the output", async () => {
  const pending = Promise.withResolvers<void>();
  const result = await withTimeoutAfterReady((timeout, ready) =>
    sh('echo 1; echo 2; : >"$1"; sleep 60', ready).onStdoutLine(() =>
      pending.promise
    ).timeout(timeout).outputString()
  );
  assert(result.timedOut);
  assertEquals(result.stdout, "1\n2\n");
  pending.resolve();
});

test("a timeout also ends a run whose child has exited and whose handler is pending", async () => {
  await using live = new JobRunner();
  const results = [
    await withTimeoutAfterReady((timeout, ready) =>
      live.outputString(
        sh('echo 1; : >"$1"', ready).onStdoutLine(never).timeout(timeout),
      )
    ),
    await new ScriptedRunner().fallback(Reply.ok("1\n")).outputString(
      new Command("x").onStdoutLine(never).timeout(200),
    ),
  ];
  for (const { timedOut, stdout } of results) {
    assertEquals([timedOut, stdout], [true, "1\n"]);
  }
});

test("an abort ends a run whose handler is pending", async () => {
  await using live = new JobRunner();
  for (const runner of [live, new ScriptedRunner().fallback(Reply.ok("1\n"))]) {
    const abort = new AbortController();
    const command = sh("echo 1; sleep 600").onStdoutLine(() => {
      setTimeout(() => abort.abort(), 0);
      return never();
    }).cancelOn(abort.signal);
    assertInstanceOf(
      await soon(failureOf(runner.outputString(command))),
      CancelledError,
    );
  }
});

test("a handler is not called after the run has ended", async () => {
  let calls = 0;
  const first = Promise.withResolvers<void>();
  await withTimeoutAfterReady((timeout, ready) => {
    calls = 0;
    return sh('echo x; : >"$1"; while :; do echo x; done', ready)
      .timeout(timeout).onStdoutLine(() => {
        calls++;
        return first.promise;
      }).outputString();
  });
  first.resolve();
  await sleep(50);
  assertEquals(calls, 1);
});

test("a handler gets each of many lines once", async () => {
  const last = sized(200_000, 1_000_000);
  let count = 0;
  let sum = 0;
  const result = await new Command("seq", [String(last)])
    .onStdoutLine((line) => {
      count++;
      sum += Number(line);
    }).outputString();
  assertEquals([count, sum], [last, last * (last + 1) / 2]);
  assert(result.stdout.startsWith("1\n2\n"));
  assert(result.stdout.endsWith(`\n${last}\n`));
  assertEquals(result.stdout.split("\n").length, last + 1);
});

test("a thenable that throws counts as a handler that rejects", async () => {
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

test("a background process that never stops printing does not hold up a run with a handler", async () => {
  // Only stdout stays open: a stderr that nothing is printed to would end the wait.
  const result = await soon(
    sh("yes 2>/dev/null & echo early")
      .onStdoutLine(async () => await Promise.resolve()).outputBytes(),
  );
  assertEquals(result.code, 0);
});

test("a timeout ends a run whose output never pauses, with a handler of any kind and without", async () => {
  const yes = new Command("yes").timeout(300);
  for (
    const command of [
      yes,
      yes.onStdoutLine(() => {}),
      yes.onStdoutLine(async () => await Promise.resolve()),
    ]
  ) {
    const result = await command.outputBytes();
    assert(result.timedOut);
    assert(result.duration() < LONG, `${result.duration()}`);
  }
});
