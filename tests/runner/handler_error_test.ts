import {
  type Command,
  ExitError,
  HandlerError,
  JobRunner,
  ParseError,
  type ProcessRunner,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
  TimeoutError,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import { assertEquals, assertInstanceOf } from "../std.ts";

const BOOM = new Error("expected two, got one");

/** The command with a handler that throws at the first line, and one that hears all of them. */
function throwing(command: Command, heard: string[] = []): Command {
  return command.onStdoutLine(() => {
    throw BOOM;
  }).onStdoutLine((line) => {
    heard.push(line);
  });
}

const VERBS: Record<
  string,
  (runner: ProcessRunner, command: Command) => Promise<unknown>
> = {
  run: (runner, command) => runner.run(command),
  checked: (runner, command) => runner.checked(command),
  parse: (runner, command) => runner.parse(command, (text) => text),
  exitCode: (runner, command) => runner.exitCode(command),
  probe: (runner, command) => runner.probe(command),
  firstLine: (runner, command) => runner.firstLine(command, "no such line"),
};

test("a handler that throws makes each verb that returns a value reject, live, scripted and replayed", async () => {
  await using folder = await temporaryFolder();
  await using live = new JobRunner();
  const path = folder.file("c.json");
  const command = sh("echo one; echo two");
  await RecordReplayRunner.recording(
    path,
    live,
    (runner) => runner.run(command),
  );
  const runners = {
    live,
    scripted: new ScriptedRunner().fallback(Reply.lines(["one", "two"])),
    replayed: await RecordReplayRunner.replay(path),
  };
  for (const [kind, runner] of Object.entries(runners)) {
    for (const [verb, call] of Object.entries(VERBS)) {
      const heard: string[] = [];
      const error = await failureOf(call(runner, throwing(command, heard)));
      assertInstanceOf(error, HandlerError, `${kind} ${verb}: ${error}`);
      assertEquals(
        error.message,
        "a line handler of `sh -c 'echo one; echo two' sh` threw: expected two, got one",
      );
      assertEquals([error.kind, error.program], ["handler", "sh"]);
      assertEquals(error.cause, BOOM);
      // The other handler hears every line: the run goes on to its end.
      assertEquals(heard, ["one", "two"], `${kind} ${verb}`);
    }
    const result = await runner.outputString(throwing(command));
    assertEquals(result.handlerErrors(), [BOOM]);
    assertEquals(result.stdout, "one\ntwo\n");
  }
});

test("a rejected promise of a handler, and a handler of stderr, count as well", async () => {
  const rejecting = sh("echo one").onStdoutLine(() => Promise.reject(BOOM));
  assertInstanceOf(await failureOf(rejecting.run()), HandlerError);
  const onStderr = sh("echo one >&2").onStderrLine(() => {
    throw BOOM;
  });
  assertInstanceOf(await failureOf(onStderr.run()), HandlerError);
});

test("a failure of the run goes before the failure of a handler", async () => {
  const failed = throwing(sh("echo one; exit 3"));
  assertInstanceOf(await failureOf(failed.run()), ExitError);
  assertInstanceOf(await failureOf(failed.probe()), ExitError);
  assertInstanceOf(await failureOf(failed.exitCode()), HandlerError);
  const late = throwing(sh("echo one; sleep 60")).timeout(500);
  assertInstanceOf(await failureOf(late.run()), TimeoutError);
  // The parser is not called: its own failure would hide the handler's.
  const parsed = throwing(sh("echo one")).parse(() => {
    throw new Error("not this");
  });
  const error = await failureOf(parsed);
  assertInstanceOf(error, HandlerError);
  assertEquals(error instanceof ParseError, false);
});

test("a handler that throws is never a reason to run the command again", async () => {
  let attempts = 0;
  const command = throwing(sh("echo one")).retry({
    attempts: 3,
    when: () => {
      attempts++;
      return true;
    },
  });
  assertInstanceOf(await failureOf(command.run()), HandlerError);
  assertEquals(attempts, 0);
});

test("a tee that fails makes no verb reject", async () => {
  const broken = new WritableStream<string>({
    write() {
      throw new Error("no space left");
    },
  });
  const command = sh("echo one").stdoutTee(broken);
  assertEquals(await command.run(), "one");
  const closed = new WritableStream<string>({
    write() {
      throw new Error("no space left");
    },
  });
  const both = throwing(sh("echo one")).stdoutTee(closed);
  const error = await failureOf(both.run());
  assertInstanceOf(error, HandlerError);
  assertEquals(error.cause, BOOM);
});

test("a handler of any stage of a pipeline counts, and names the stage's command", async () => {
  const first = throwing(sh("echo one", "first"));
  const error = await failureOf(first.pipe(sh("cat")).run());
  assertInstanceOf(error, HandlerError);
  assertEquals(
    error.message,
    "a line handler of `sh -c 'echo one' sh first` threw: expected two, got one",
  );
  const result = await first.pipe(sh("cat")).outputString();
  assertEquals([result.stdout, result.handlerErrors()], ["one\n", [BOOM]]);
});

test("a live process keeps what handlers threw for handlerErrors", async () => {
  await using process = await throwing(sh("echo one")).start();
  const { outcome } = await process.finish();
  assertEquals(outcome, { kind: "exited", code: 0 });
  assertEquals(process.handlerErrors(), [BOOM]);
});
