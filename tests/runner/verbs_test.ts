import {
  CancelledError,
  Command,
  ExitError,
  JobRunner,
  ParseError,
  type ProcessResult,
  ProcessRunner,
  Reply,
  ScriptedRunner,
  SignalledError,
  SpawnError,
  TimeoutError,
  UnsupportedError,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "../std.ts";
import { withTimeoutAfterReady } from "./deadline.ts";

/** Each way in which a run can end, live and scripted. */
const ENDINGS = {
  success: [sh("printf ' 1 \\n\\n'"), Reply.ok(" 1 \n\n")],
  failure: [
    sh("printf 7; echo no >&2; exit 7"),
    Reply.fail(7, "no\n").withStdout("7"),
  ],
  one: [sh("exit 1"), Reply.fail(1)],
  signal: [sh("kill -9 $$"), Reply.signalled(9)],
  timeout: [
    sh("echo partial; sleep 60").timeout(150),
    Reply.timeout().withStdout("partial\n"),
  ],
} as const;

type Verb = (runner: ProcessRunner, command: Command) => Promise<unknown>;

/** What each verb returns for each ending, or the class of the error that it throws. */
const TABLE: [string, Verb, Record<keyof typeof ENDINGS, unknown>][] = [
  [
    "outputString",
    async (runner, command) =>
      (await runner.outputString(command)).outcome.kind,
    {
      success: "exited",
      failure: "exited",
      one: "exited",
      signal: "signalled",
      timeout: "timed-out",
    },
  ],
  [
    "outputBytes",
    async (runner, command) => (await runner.outputBytes(command)).outcome.kind,
    {
      success: "exited",
      failure: "exited",
      one: "exited",
      signal: "signalled",
      timeout: "timed-out",
    },
  ],
  ["run", (runner, command) => runner.run(command), {
    success: " 1",
    failure: ExitError,
    one: ExitError,
    signal: SignalledError,
    timeout: TimeoutError,
  }],
  [
    "checked",
    async (runner, command) => (await runner.checked(command)).stdout,
    {
      success: " 1 \n\n",
      failure: ExitError,
      one: ExitError,
      signal: SignalledError,
      timeout: TimeoutError,
    },
  ],
  ["exitCode", (runner, command) => runner.exitCode(command), {
    success: 0,
    failure: 7,
    one: 1,
    signal: SignalledError,
    timeout: TimeoutError,
  }],
  ["probe", (runner, command) => runner.probe(command), {
    success: true,
    failure: ExitError,
    one: false,
    signal: SignalledError,
    timeout: TimeoutError,
  }],
  [
    "parse",
    (runner, command) => runner.parse(command, (text) => Number(text)),
    {
      success: 1,
      failure: ExitError,
      one: ExitError,
      signal: SignalledError,
      timeout: TimeoutError,
    },
  ],
];

for (const [name, verb, row] of TABLE) {
  test(`${name} returns a value or throws an error as its row of the table says, live and scripted`, async () => {
    await using live = new JobRunner();
    for (const [ending, [command, reply]] of Object.entries(ENDINGS)) {
      const expected = row[ending as keyof typeof ENDINGS];
      for (const runner of [live, new ScriptedRunner().fallback(reply)]) {
        const got = await verb(runner, command).catch((error) =>
          error.constructor
        );
        assertEquals(got, expected, `${name} of ${ending}`);
      }
    }
  });
}

test("a command's own verbs start a child", async () => {
  const echo = new Command("echo", ["7"]);
  assertEquals(await echo.run(), "7");
  assertEquals((await echo.checked()).stdout, "7\n");
  assertEquals((await echo.outputString()).stdout, "7\n");
  assertEquals([...(await echo.outputBytes()).stdout], [55, 10]);
  assertEquals(await echo.exitCode(), 0);
  assertEquals(await echo.probe(), true);
  assertEquals(await echo.parse(Number), 7);
});

test("okCodes decide which exit codes are a success, except for probe", async () => {
  const three = sh("echo x; exit 3").okCodes([0, 3]);
  assertEquals(await three.run(), "x");
  assertInstanceOf(await failureOf(three.probe()), ExitError);
  assertEquals(await sh("exit 1").okCodes([]).probe(), false);
  assertInstanceOf(
    await failureOf(new Command("true").okCodes([1]).run()),
    ExitError,
  );
});

test("a timeout error carries the deadline and the output captured before the kill", async () => {
  await withTimeoutAfterReady(async (timeout, ready) => {
    const script = 'echo out; echo err >&2; : >"$1"; sleep 60';
    const error = await failureOf(sh(script, ready).timeout(timeout).run());
    assertInstanceOf(error, TimeoutError);
    assertEquals([error.timeout, error.stdout, error.stderr], [
      timeout,
      "out\n",
      "err\n",
    ]);
  });
});

test("a parser that throws is a ParseError with the thrown error as its cause", async () => {
  const error = await failureOf(new Command("echo", ["{"]).parse(JSON.parse));
  assertInstanceOf(error, ParseError);
  assertInstanceOf(error.cause, SyntaxError);
  assertEquals([error.program, error.stdout], ["echo", "{\n"]);
  await assertRejects(
    () => new Command("true").parse(() => Promise.reject("later")),
    ParseError,
    "later",
  );
});

test("a runner that implements outputString alone refuses outputBytes and start", async () => {
  class Minimal extends ProcessRunner {
    override outputString(command: Command): Promise<ProcessResult<string>> {
      return new ScriptedRunner().fallback(Reply.ok("x\n")).outputString(
        command,
      );
    }
  }
  assertEquals(await new Minimal().run(new Command("anything")), "x");
  const error = await failureOf(
    new Minimal().outputBytes(new Command("anything")),
  );
  assertInstanceOf(error, UnsupportedError);
  await assertRejects(
    () => new Minimal().start(new Command("anything")),
    UnsupportedError,
    "start",
  );
  assertEquals([error.kind, error.operation, error.program], [
    "unsupported",
    "outputBytes",
    "anything",
  ]);
});

test("attempts include the first run, and `when` decides whether an error is retried", async () => {
  const seen: string[] = [];
  const replies = [
    Reply.fail(1),
    Reply.fail(2),
    Reply.ok("third\n"),
    Reply.fail(4),
  ];
  const flaky = new Command("flaky").retry({
    attempts: 3,
    when: (error) => seen.push(String((error as ExitError).code)) > 0,
  });
  assertEquals(
    await new ScriptedRunner().onSequence(["flaky"], replies).run(flaky),
    "third",
  );
  assertEquals(seen, ["1", "2"]);
  const twice = flaky.retry({ attempts: 2, when: () => true });
  assertEquals(
    ((await failureOf(
      new ScriptedRunner().onSequence(["flaky"], replies).run(twice),
    )) as ExitError).code,
    2,
  );
  const picky = flaky.retry({
    attempts: 3,
    when: (error) => (error as ExitError).code === 2,
  });
  assertEquals(
    ((await failureOf(
      new ScriptedRunner().onSequence(["flaky"], replies).run(picky),
    )) as ExitError).code,
    1,
  );
});

test("verbs that demand success retry, and outputString and outputBytes never do", async () => {
  const retrying = new Command("flaky").retry({
    attempts: 2,
    when: () => true,
  });
  const runner = () =>
    new ScriptedRunner().onSequence(["flaky"], [
      Reply.signalled(9),
      Reply.ok("1\n"),
    ]);
  assertEquals(await runner().run(retrying), "1");
  assertEquals((await runner().checked(retrying)).stdout, "1\n");
  assertEquals(await runner().exitCode(retrying), 0);
  assertEquals(await runner().probe(retrying), true);
  assertEquals(await runner().parse(retrying, Number), 1);
  assertEquals((await runner().outputString(retrying)).signal, 9);
  assertEquals((await runner().outputBytes(retrying)).signal, 9);
});

test("a retry waits for its back-off, which an abort ends, and an abort is never retried", async () => {
  const flaky = new Command("flaky");
  const script = () =>
    new ScriptedRunner().onSequence(["flaky"], [Reply.fail(1), Reply.ok()]);
  const started = performance.now();
  await script().run(
    flaky.retry({ attempts: 2, backoff: 100, when: () => true }),
  );
  assert(performance.now() - started >= 95);
  const abort = new AbortController();
  setTimeout(() => abort.abort("changed my mind"), 50);
  const patient = flaky.retry({
    attempts: 2,
    backoff: 600_000,
    when: () => true,
  }).cancelOn(abort.signal);
  const error = await failureOf(script().run(patient));
  assertInstanceOf(error, CancelledError);
  assertEquals(error.cause, "changed my mind");
  let asked = 0;
  await failureOf(
    new Command("sleep", ["60"]).cancelOn(AbortSignal.abort())
      .retry({ attempts: 3, when: () => ++asked > 0 }).run(),
  );
  assertEquals(asked, 0);
});

test("a failed start can be retried", async () => {
  const runner = new ScriptedRunner().onSequence(["late"], [
    Reply.notFound(),
    Reply.ok("there\n"),
  ]);
  assertEquals(
    await runner.run(new Command("late").retry({
      attempts: 2,
      when: () => true,
    })),
    "there",
  );
  let attempts = 0;
  const missing = new Command("no-such-program").retry({
    attempts: 3,
    when: () => ++attempts > 0,
  });
  await failureOf(missing.run());
  assertEquals(attempts, 2);
  assertInstanceOf(
    await failureOf(new ScriptedRunner().run(new Command("x"))),
    SpawnError,
  );
});

test("every runner refuses what is no Command, and the error says what it got", async () => {
  const others: [unknown, string][] = [
    ["git", "a string"],
    [null, "null"],
    [["git"], "an Array"],
    [{ constructor: undefined }, "an object"],
    [new Command("a").pipe(new Command("b")), "a Pipeline"],
    [
      new (class Command {})(),
      "a Command of another library, or of another copy of this one",
    ],
  ];
  await using live = new JobRunner();
  for (const runner of [live, new ScriptedRunner()]) {
    for (const [other, name] of others) {
      const command = other as Command;
      for (
        const run of [
          () => runner.outputString(command),
          () => runner.start(command),
        ]
      ) {
        await assertRejects(
          async () => await run(),
          TypeError,
          `expected a Command, such as new Command("git", ["status"]), got ${name}`,
        );
      }
    }
  }
});
