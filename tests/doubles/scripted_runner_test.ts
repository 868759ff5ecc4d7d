import {
  CancelledError,
  Command,
  isNotFound,
  RecordingRunner,
  Reply,
  ScriptedRunner,
  SpawnError,
  TimeoutError,
} from "../../mod.ts";
import { failureOf } from "../commands.ts";
import { test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

const git = (...args: string[]) => new Command("git", args);

test("a prefix is compared argument by argument, and the first rule that matches answers", async () => {
  const runner = new ScriptedRunner()
    .on(["git", "log", "-n"], Reply.ok("limited\n"))
    .on(["git", "log"], Reply.ok("log\n"))
    .on(["git"], Reply.ok("git\n"));
  assertEquals(await runner.run(git("log", "-n", "1")), "limited");
  assertEquals(await runner.run(git("log", "-n1")), "log");
  assertEquals(await runner.run(git()), "git");
  assertInstanceOf(
    await failureOf(runner.run(new Command("git log"))),
    SpawnError,
  );
});

test("a sequence gives its replies in order, and then repeats the last", async () => {
  const runner = new ScriptedRunner().onSequence(["x"], [
    Reply.ok("1"),
    Reply.ok("2"),
  ]);
  const answers = [];
  for (let round = 0; round < 4; round++) {
    answers.push(await runner.run(new Command("x")));
  }
  assertEquals(answers, ["1", "2", "2", "2"]);
});

test("a predicate gets the command, and the fallback answers where no rule matches", async () => {
  const runner = new ScriptedRunner()
    .when((command) => command.invocation.cwd === "/repo", Reply.ok("here"))
    .fallback(Reply.ok("anything"));
  assertEquals(await runner.run(git().cwd("/repo")), "here");
  assertEquals(await runner.run(git()), "anything");
});

test("a command that no rule matches is a SpawnError with its command line", async () => {
  const error = await failureOf(
    new ScriptedRunner().on(["git", "log"], Reply.ok()).run(
      git("status", "-s"),
    ),
  );
  assertInstanceOf(error, SpawnError);
  assertStringIncludes(error.message, "git status -s");
});

test("an invalid rule or reply is refused where it is set", () => {
  const runner = new ScriptedRunner();
  assertThrows(() => runner.on([], Reply.ok()), TypeError);
  assertThrows(() => runner.onSequence(["x"], []), TypeError);
  assertThrows(() => Reply.fail(0.5), RangeError);
  assertThrows(() => Reply.ok().withLineDelay(-1), RangeError);
});

test("each kind of reply gives its outcome and output", async () => {
  const answer = (reply: Reply) =>
    new ScriptedRunner().fallback(reply).outputString(new Command("x"));
  const full = await answer(Reply.fail(3, "err").withStdout("out"));
  assertEquals([full.code, full.stdout, full.stderr], [3, "out", "err"]);
  assertEquals((await answer(Reply.lines(["a", "b"]))).stdout, "a\nb\n");
  assertEquals((await answer(Reply.ok("x").withStderr("warn"))).stderr, "warn");
  assertEquals((await answer(Reply.signalled(null))).outcome, {
    kind: "signalled",
    signal: null,
  });
  assert((await answer(Reply.timeout())).timedOut);
  assert(isNotFound(await failureOf(answer(Reply.notFound()))));
  const error = await failureOf(answer(Reply.spawnError("no luck")));
  assertInstanceOf(error, SpawnError);
  assertStringIncludes(error.message, "no luck");
  assertEquals(full.duration(), 0);
});

test("a reply is immutable", async () => {
  const plain = Reply.ok("plain");
  plain.withStdout("other").withStderr("other").withLineDelay(5);
  assertEquals(
    await new ScriptedRunner().fallback(plain).run(new Command("x")),
    "plain",
  );
});

test("lines come after their delays, and a timed-out run has those that have come", async () => {
  const times: number[] = [];
  const started = performance.now();
  const runner = new ScriptedRunner().fallback(
    Reply.lines(["1", "2", "3"]).withLineDelay(60),
  );
  await runner.run(
    new Command("x").onStdoutLine(() =>
      void times.push(performance.now() - started)
    ),
  );
  assertEquals(times.length, 3);
  assert(times[0] >= 55 && times[2] >= 165, `${times}`);
  const slow = new ScriptedRunner().fallback(
    Reply.lines(["1", "2"]).withLineDelay(200),
  );
  const error = await failureOf(slow.run(new Command("x").timeout(300)));
  assertInstanceOf(error, TimeoutError);
  assertEquals([error.timeout, error.stdout], [300, "1\n"]);
});

test("a pending run ends by its timeout or its abort signal", async () => {
  const runner = new ScriptedRunner().fallback(
    Reply.pending().withStdout("so far\n"),
  );
  const late = await runner.outputString(new Command("x").timeout(80));
  assertEquals([late.timedOut, late.stdout], [true, "so far\n"]);
  const abort = new AbortController();
  setTimeout(() => abort.abort("stop"), 50);
  const error = await failureOf(
    runner.run(new Command("x").cancelOn(abort.signal)),
  );
  assertInstanceOf(error, CancelledError);
  assertEquals(error.cause, "stop");
  assertInstanceOf(
    await failureOf(runner.run(new Command("x").cancelOn(AbortSignal.abort()))),
    CancelledError,
  );
});

test("a scripted run leaves out the streams that the command does not capture", async () => {
  const runner = new ScriptedRunner().fallback(
    Reply.ok("out").withStderr("err"),
  );
  const result = await runner.outputString(
    new Command("x").stdout("null").stderr("inherit"),
  );
  assertEquals([result.stdout, result.stderr], ["", ""]);
});

test("outputBytes of a scripted run gives UTF-8", async () => {
  const result = await new ScriptedRunner().fallback(Reply.ok("é")).outputBytes(
    new Command("x").okCodes([5]),
  );
  assertEquals([[...result.stdout], result.okCodes, result.success], [
    [195, 169],
    [5],
    false,
  ]);
});

test("a recording runner records every command, also one that fails", async () => {
  const inner = new ScriptedRunner().on(["git"], Reply.ok("x"));
  const runner = new RecordingRunner(inner);
  assertThrows(() => runner.onlyCall(), Error, "got 0");
  await runner.run(
    git("push", "--force").cwd("/repo").env("A", "1").stdin("x"),
  );
  const call = runner.onlyCall();
  assertEquals([call.program, call.args, call.cwd, call.hasStdin], [
    "git",
    ["push", "--force"],
    "/repo",
    true,
  ]);
  assertEquals(call.envs.get("A"), "1");
  assert(call.hasFlag("--force"));
  await failureOf(runner.run(new Command("other")));
  await runner.outputBytes(git());
  assertEquals(runner.calls().map(({ program }) => program), [
    "git",
    "other",
    "git",
  ]);
  assertThrows(() => runner.onlyCall(), Error, "got 3");
  assert(runner.inner === inner);
});
