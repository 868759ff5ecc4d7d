// What is refused where it is made: with the name of the method, and what to do.

import {
  CliClient,
  Command,
  JobRunner,
  NotFoundError,
  outputAll,
  outputString,
  Pipeline,
  ProcessGroup,
  Reply,
  run,
  ScriptedRunner,
  Supervisor,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "../std.ts";

/** The message of the `TypeError` or `RangeError` that `action` throws or rejects with. */
async function refusalOf(action: () => unknown): Promise<string> {
  const error = await failureOf(Promise.try(action));
  assert(error instanceof TypeError || error instanceof RangeError, `${error}`);
  return error.message;
}

/** A call with arguments that its types refuse. */
// deno-lint-ignore no-explicit-any -- the types refuse these calls, and callers without types make them
type Untyped = any;

const TRUE = new Command("true");
const scripted = new ScriptedRunner().fallback(Reply.ok());
const LIMITS =
  "set limits and options on the command, such as command.timeout(5000)";

test("a program that is a whole command line is told to be split into an array", async () => {
  const error = await failureOf(new Command("git status").run());
  assertInstanceOf(error, NotFoundError);
  assertEquals(
    error.message,
    "cannot start `git status`: there is no program of that name; arguments go into an array: " +
      'new Command("git", ["status"])',
  );
  const long = await failureOf(new Command(`git ${"word ".repeat(100)}`).run());
  assertStringIncludes(
    (long as Error).message,
    'arguments go into an array: new Command("git", ["status"])',
  );
});

test("a missing program is told with the number of folders, and all of them are in searched", async () => {
  const PATH = Array.from({ length: 50 }, (_, index) => `/no/${index}`)
    .join(":");
  const error = await failureOf(new Command("nope").env({ PATH }).run());
  assertInstanceOf(error, NotFoundError);
  assertEquals(
    error.message,
    "cannot start `nope`: it is not in any of the 50 folders of PATH; install it, or give its path",
  );
  assertEquals(error.searched.length, 50);
  const path = await failureOf(new Command("./nope").run());
  assertEquals(
    (path as Error).message,
    "cannot start `./nope`: there is no such file",
  );
});

test("one string in place of the arguments is refused, with the array to write", async () => {
  // @ts-expect-error -- the types refuse it too
  const made = () => new Command("ls", "-l /tmp");
  assertEquals(
    await refusalOf(made),
    'args: expected an array of arguments, got the string "-l /tmp"; ' +
      'write ["-l", "/tmp"], or ["-l /tmp"] for one argument',
  );
  // @ts-expect-error -- the types refuse it too
  assertStringIncludes(await refusalOf(() => TRUE.args("a")), "args: expected");
  // @ts-expect-error -- the types refuse it too
  assertStringIncludes(await refusalOf(() => run("ls", "a")), "args: expected");
});

test("a verb of a command refuses a runner, and offers what was meant", async () => {
  const command = TRUE as Untyped;
  for (
    const verb of [
      "run",
      "checked",
      "exitCode",
      "probe",
      "outputString",
      "outputBytes",
      "start",
    ]
  ) {
    assertEquals(
      await refusalOf(() => command[verb](scripted)),
      `${verb} takes no arguments, and got a ScriptedRunner: to run the command with that runner, ` +
        `use runner.${verb}(command) or command.withRunner(runner).${verb}()`,
    );
    assertEquals(
      await refusalOf(() => command[verb]({ timeout: 5 })),
      `${verb} takes no arguments, and got an Object: ${LIMITS}`,
    );
  }
  assertEquals(
    await refusalOf(() => command.parse(JSON.parse, 1)),
    `parse takes one argument, and also got a number: ${LIMITS}`,
  );
  assertEquals(
    await refusalOf(() => command.arg("a", "b")),
    "arg takes one argument, and also got a string: use args([…]) for several arguments",
  );
  assertEquals(
    await refusalOf(() => command.pipe(TRUE, TRUE)),
    "pipe takes one argument, and also got a Command: add one stage after the other: a.pipe(b).pipe(c)",
  );
});

test("the verbs of runners, pipelines, clients and live processes refuse what they do not take", async () => {
  await using group = await ProcessGroup.create();
  const runners = [new JobRunner(), scripted, group] as Untyped[];
  for (const runner of runners) {
    for (const verb of ["run", "outputString", "outputBytes", "start"]) {
      assertEquals(
        await refusalOf(() => runner[verb](TRUE, { timeout: 5 })),
        `${verb} takes one argument, and also got an Object: ${LIMITS}`,
      );
    }
  }
  const pipeline = new Pipeline([TRUE, TRUE]) as Untyped;
  assertEquals(
    await refusalOf(() => pipeline.run(scripted)),
    "run takes no arguments, and got a ScriptedRunner: " +
      "use withRunner(runner) for another runner, and timeout(ms) for a deadline",
  );
  const supervisor = new Supervisor(TRUE) as Untyped;
  assertEquals(
    await refusalOf(() => supervisor.run(scripted)),
    "run takes no arguments, and got a ScriptedRunner: " +
      "use withRunner(runner) for another runner, and cancelOn(signal) to end it",
  );
  await using process = await sh("sleep 60").start() as Untyped;
  assertEquals(
    await refusalOf(() => process.kill("SIGINT")),
    "kill takes no arguments, and got a string: it always sends SIGKILL; shutdown(grace) sends SIGTERM first",
  );
  assertEquals(
    await refusalOf(() => process.wait(5000)),
    "wait takes no arguments, and got a number: to bound how long it takes, set a timeout on the command, " +
      "or stop the process with shutdown(grace)",
  );
});

test("a command runs with the runner that it was given, and a runner that is given the command runs it itself", async () => {
  const other = new ScriptedRunner().fallback(Reply.ok("other"));
  const own = new ScriptedRunner().fallback(Reply.ok("own"));
  const command = new Command("no-such-program").withRunner(own);
  assertEquals(await command.run(), "own");
  assertEquals(await command.arg("more").timeout(5000).run(), "own");
  assertEquals(await other.run(command), "other");
  assertEquals(await command.withRunner(other).run(), "other");
  assertEquals(
    await refusalOf(() => command.withRunner({} as Untyped)),
    "withRunner: expected a ProcessRunner, such as new JobRunner(), got an Object",
  );
  const [result] = await outputAll([command], { concurrency: 1 });
  assert(result.status === "fulfilled" && result.value.stdout === "own");
  assertEquals((await new Supervisor(command).run()).result?.stdout, "own");
  assertEquals(await command.pipe(new Command("none")).run(), "own");
  assertEquals(
    await refusalOf(() => command.pipe(TRUE.withRunner(other))),
    "pipe: two stages have different runners; remove withRunner(runner) from the stages and call it on the pipeline",
  );
});

test("unknown options are refused by name, with those that there are", async () => {
  const known = "known are cwd, env, timeout, cancelOn, runner";
  for (
    const [what, action] of [
      ["run", () => run("true", [], { timeot: 5 } as Untyped)],
      [
        "outputString",
        () => outputString("true", [], { timeot: 5 } as Untyped),
      ],
    ] as const
  ) {
    assertEquals(
      await refusalOf(action),
      `${what}: the options: unknown option "timeot"; ${known}`,
    );
  }
  assertEquals(
    await refusalOf(() => new CliClient("git", { timeot: 5 } as Untyped)),
    'CliClient: the options: unknown option "timeot"; known are args, cwd, env, timeout, cancelOn, runner',
  );
  assertEquals(
    await refusalOf(() => new JobRunner({ container: "none" } as Untyped)),
    'new JobRunner: unknown option "container"; known are containment',
  );
  assertEquals(
    await refusalOf(() => ProcessGroup.create({ kind: 1 } as Untyped)),
    'ProcessGroup.create: unknown option "kind"; known are containment, killOnParentDeath',
  );
  assertEquals(
    await refusalOf(() => TRUE.outputBuffer({ maxLine: 1 } as Untyped)),
    'outputBuffer: unknown option "maxLine"; known are maxLines, maxBytes, overflow',
  );
  assertEquals(
    await refusalOf(() => TRUE.retry({ attempts: 2, whenn: 1 } as Untyped)),
    'retry: unknown option "whenn"; known are attempts, backoff, when',
  );
  assertEquals(
    await refusalOf(() => TRUE.stdoutFile("/x", { apend: true } as Untyped)),
    'stdoutFile: unknown option "apend"; known are append',
  );
  assertEquals(
    await refusalOf(() => outputAll([], { concurency: 2 } as Untyped)),
    'outputAll: the options: unknown option "concurency"; known are concurrency, runner, onProgress',
  );
});

test("a scripted reply that is none is refused where it is added", async () => {
  const fresh = () => new ScriptedRunner() as Untyped;
  assertEquals(
    await refusalOf(() => fresh().on(["git"], "text")),
    'on: expected a Reply, such as Reply.ok("output"), got "text"',
  );
  assertEquals(
    await refusalOf(() => fresh().when(() => true, { code: 1 })),
    'when: expected a Reply, such as Reply.ok("output"), got an Object',
  );
  assertEquals(
    await refusalOf(() => fresh().fallback()),
    'fallback: expected a Reply, such as Reply.ok("output"), got undefined',
  );
  assertEquals(
    await refusalOf(() => fresh().onSequence(["git"], [Reply.ok(), 5])),
    'onSequence: expected a Reply, such as Reply.ok("output"), got 5',
  );
  assertEquals(
    await refusalOf(() => fresh().onSequence(["git"], [])),
    "onSequence: expected an array of at least one Reply, got an Array",
  );
  assertEquals(
    await refusalOf(() => fresh().on("git status", Reply.ok())),
    'on: expected the program and the first arguments as an array of strings, got "git status"',
  );
  assertEquals(
    await refusalOf(() => fresh().when("git", Reply.ok())),
    'when: the predicate: expected a function, got "git"',
  );
});

test("a line handler that is no function is refused where it is added", async () => {
  assertEquals(
    await refusalOf(() => TRUE.onStdoutLine("x" as Untyped)),
    'onStdoutLine: expected a function, got "x"',
  );
});
