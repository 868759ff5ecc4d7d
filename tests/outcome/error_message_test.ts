import {
  Command,
  ExitError,
  ProcessResult,
  Reply,
  ScriptedRunner,
  SignalledError,
  TimeoutError,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { test } from "../harness.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await failureOf(promise);
  assertInstanceOf(error, Error);
  return error.message;
}

test("an exit error shows the command line, the code and stderr", async () => {
  const script = "echo out; echo one >&2; echo two >&2; exit 3";
  assertEquals(
    await messageOf(sh(script, "a b").run()),
    "`sh -c 'echo out; echo one >&2; echo two >&2; exit 3' sh 'a b'` exited with code 3\n" +
      "stderr:\n  one\n  two",
  );
});

test("an exit error shows stdout if stderr is empty, and says so if both are", async () => {
  assertEquals(
    await messageOf(new Command("sh", ["-c", "echo out; exit 3"]).run()),
    "`sh -c 'echo out; exit 3'` exited with code 3\nstdout:\n  out",
  );
  assertEquals(
    await messageOf(new Command("false").run()),
    "`false` exited with code 1; no output was captured",
  );
  const bytes = await new Command("sh", ["-c", "echo out; exit 3"])
    .outputBytes();
  assertEquals(
    await messageOf(Promise.try(() => bytes.ensureSuccess())),
    "`sh -c 'echo out; exit 3'` exited with code 3\nstdout:\n  out",
  );
});

test("an exit error shows the last 20 lines, each of 300 characters at most, without colours", async () => {
  const stderr = Array.from({ length: 30 }, (_, index) => `line ${index}\n`)
    .join("");
  const runner = new ScriptedRunner()
    .on(["many"], Reply.fail(1, stderr))
    .on(["long"], Reply.fail(1, `${"x".repeat(1000)}\n`))
    .on(
      ["odd"],
      Reply.fail(
        1,
        "\x1b[31mred\x1b[0m\n10%\r20%\rdone\nbell\x07 and \x1b]8;;http://x\x1b\\link\n\n",
      ),
    );
  const lines = Array.from(
    { length: 20 },
    (_, index) => `  line ${index + 10}`,
  );
  assertEquals(
    await messageOf(runner.run(new Command("many"))),
    ["`many` exited with code 1", "stderr, the last 20 lines:", ...lines]
      .join("\n"),
  );
  assertEquals(
    await messageOf(runner.run(new Command("long"))),
    `\`long\` exited with code 1\nstderr:\n  ${"x".repeat(299)}…`,
  );
  assertEquals(
    await messageOf(runner.run(new Command("odd"))),
    "`odd` exited with code 1\nstderr:\n  red\n  done\n  bell  and link",
  );
});

test("an error's message stays short, however long the command line and the output are", async () => {
  const runner = new ScriptedRunner().fallback(
    Reply.fail(1, `${"y".repeat(50_000_000)}\n`),
  );
  const args = Array.from({ length: 100_000 }, () => "word");
  const message = await messageOf(runner.run(new Command("tool", args)));
  assert(message.length < 1000, `${message.length}`);
  assert(message.startsWith("`tool word word"), message.slice(0, 80));
});

test("a signal is shown by its name and number", async () => {
  assertEquals(
    await messageOf(new Command("sh", ["-c", "kill -TERM $$"]).run()),
    "`sh -c 'kill -TERM $$'` was killed by SIGTERM (15); no output was captured",
  );
  assertEquals(
    await messageOf(new Command("sh", ["-c", "kill -USR1 $$"]).exitCode()),
    "`sh -c 'kill -USR1 $$'` was killed by SIGUSR1 (10); no output was captured",
  );
  const run = { program: "x", stdout: "", stderr: "" };
  assertEquals(
    new SignalledError(run, 200).message,
    "`x` was killed by signal 200; no output was captured",
  );
  assertEquals(
    new SignalledError(run, null).message,
    "`x` was killed by an unknown signal; no output was captured",
  );
});

test("SIGPIPE, and a shell's code for it, say what happened and what allows it", async () => {
  const advice =
    "The next stage of the pipeline, or another reader of its output, stopped reading; " +
    ".uncheckedInPipe() on this command allows that in a pipeline.";
  assertEquals(
    await messageOf(new Command("yes").pipe(new Command("true")).run()),
    `\`yes\` was killed by SIGPIPE (13); no output was captured\n${advice}`,
  );
  assertEquals(
    new ExitError({ program: "sh", stdout: "", stderr: "" }, 141).message,
    `\`sh\` exited with code 141; no output was captured\nCode 141 is 128 + SIGPIPE. ${advice}`,
  );
});

test("a timeout error shows the deadline and what was printed before it", async () => {
  const command = new Command("sh", ["-c", "echo begun >&2; sleep 60"]);
  assertEquals(
    await messageOf(command.timeout(1000).run()),
    "`sh -c 'echo begun >&2; sleep 60'` timed out after 1000 ms\nstderr:\n  begun",
  );
  const error = await failureOf(
    new Command("sh", ["-c", "echo 1; echo 2; sleep 60"]).timeout(1000)
      .firstLine("3"),
  );
  assertInstanceOf(error, TimeoutError);
  assertEquals(
    error.message,
    "`sh -c 'echo 1; echo 2; sleep 60'` timed out after 1000 ms\nstdout:\n  1\n  2",
  );
});

test("ensureSuccess shows the same, of a live, a scripted and a made result", async () => {
  const scripted = new ScriptedRunner().fallback(Reply.fail(2, "no\n"));
  const result = await scripted.outputString(new Command("tool", ["a b"]));
  const expected = "`tool 'a b'` exited with code 2\nstderr:\n  no";
  assertEquals(
    await messageOf(Promise.try(() => result.ensureSuccess())),
    expected,
  );
  assertEquals(
    await messageOf(scripted.probe(new Command("tool", ["a b"]))),
    expected,
  );
  const made = new ProcessResult({
    program: "tool",
    args: ["a b"],
    stdout: "",
    stderr: "no\n",
    outcome: { kind: "exited", code: 2 },
  });
  assertEquals(
    await messageOf(Promise.try(() => made.ensureSuccess())),
    expected,
  );
  // The arguments are no public field, and no part of equality.
  assertEquals(Object.keys(made).includes("args"), false);
  assertEquals(
    await scripted.outputString(new Command("tool", ["x"])),
    await scripted.outputString(new Command("tool", ["y"])),
  );
});

test("the message has no value of a variable", async () => {
  const message = await messageOf(
    sh('echo "length ${#TOKEN}" >&2; exit 1').env("TOKEN", "s3cr3t").run(),
  );
  assert(!message.includes("s3cr3t"), message);
  assert(message.endsWith("stderr:\n  length 6"), message);
});

test("an error has all output, and printing the error does not print it", async () => {
  const error = await failureOf(sh("seq 1000; exit 1").run());
  assertInstanceOf(error, ExitError);
  assertEquals(String(error.stdout).split("\n").length, 1001);
  assertEquals(Object.keys(error).includes("stdout"), false);
});
