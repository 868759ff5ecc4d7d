import { Command, DryRunRunner, Stdin } from "../../mod.ts";
import { test } from "../harness.ts";
import { assert, assertEquals, assertThrows } from "../std.ts";

test("a command is immutable: every method returns a new one", () => {
  const plain = new Command("git");
  const rich = plain.arg("log").args(["-n", "1"]).cwd("/repo").env("A", "1")
    .envRemove("B").stdin("x");
  assertEquals(plain.invocation.args, []);
  assertEquals(plain.invocation.cwd, null);
  assertEquals(plain.invocation.hasStdin, false);
  assertEquals(rich.invocation.args, ["log", "-n", "1"]);
  assertEquals(rich.invocation.cwd, "/repo");
  assertEquals([...rich.invocation.envs], [["A", "1"], ["B", null]]);
  assertEquals(rich.invocation.hasStdin, true);
});

test("hasFlag finds a flag among the arguments, with or without a value", () => {
  const { invocation } = new Command("git", ["push", "--force", "--repo=here"]);
  assert(invocation.hasFlag("--force"));
  assert(invocation.hasFlag("--repo"));
  assert(!invocation.hasFlag("--for"));
});

test("a file: URL is stored as its path", () => {
  const command = new Command(new URL("file:///opt/my%20tools/x")).cwd(
    new URL("file:///tmp/"),
  );
  assertEquals(command.invocation.program, "/opt/my tools/x");
  assertEquals(command.invocation.cwd, "/tmp/");
});

test("an invalid value is a TypeError that names it, where it is set", () => {
  const git = new Command("git");
  const cases: [string, () => unknown][] = [
    ["the program", () => new Command("")],
    ["the program", () => new Command("a\0b")],
    ["the program", () => new Command(new URL("https://example.com/x"))],
    ["the program", () => new Command(new URL("file:///a%2Fb"))],
    ["the program", () => new Command(new URL("file:///%FF"))],
    ["the program", () => new Command("file:///bin/sh")],
    ["the working directory", () => new Command("x").cwd("FILE:///tmp")],
    ["argument 1", () => new Command("git", ["ok", "a\0b"])],
    // @ts-expect-error -- one string is no list of arguments
    ["args", () => new Command("git", "status")],
    ["argument 0", () => git.arg("a\0")],
    ["name of an environment variable", () => git.env("", "x")],
    ["name of an environment variable", () => git.env("A=B", "x")],
    ["name of an environment variable", () => git.env({ "A\0": "x" })],
    ["variable A", () => git.env("A", "x\0y")],
    ["name of an environment variable", () => git.envRemove("A=B")],
    ["name of an environment variable", () => git.inheritEnv([""])],
    ["the working directory", () => git.cwd("")],
    ["the working directory", () => git.cwd("a\0b")],
    ["the stdin file", () => Stdin.fromFile("")],
    ["timeoutSignal", () => git.timeoutSignal("SIGNOPE" as "SIGTERM")],
    ["stdout", () => git.stdout("file" as "piped")],
    ["lineTerminator", () => git.lineTerminator("crlf" as "cr")],
  ];
  for (const [thing, mistake] of cases) assertThrows(mistake, TypeError, thing);
});

test("a NUL in a value is reported without the value", () => {
  const error = assertThrows(
    () => new Command("git").env("TOKEN", "hunter2\0"),
    TypeError,
  );
  assert(!error.message.includes("hunter2"));
});

test("a number out of range is a RangeError that names the setting", () => {
  const git = new Command("git");
  const when = () => true;
  const cases: [string, () => unknown][] = [
    ["timeout", () => git.timeout(-1)],
    ["timeout", () => git.timeout(NaN)],
    ["timeout", () => git.timeout(2 ** 31)],
    ["timeoutGrace", () => git.timeoutGrace(-1)],
    ["attempts", () => git.retry({ attempts: 0, when })],
    ["attempts", () => git.retry({ attempts: 1.5, when })],
    ["backoff", () => git.retry({ attempts: 2, backoff: -1, when })],
    ["okCodes", () => git.okCodes([0, 0.5])],
    ["", () => git.encoding("utf-9")],
  ];
  for (const [setting, mistake] of cases) {
    assertThrows(mistake, RangeError, setting);
  }
});

test("a variable may be named __proto__", () => {
  const command = new Command("git").env(JSON.parse('{"__proto__": "x"}'));
  assertEquals([...command.invocation.envs], [["__proto__", "x"]]);
});

test("commandLine quotes for a shell, and shows no environment variables", async () => {
  const command = new Command("printf", [
    "%s\n",
    "",
    "it's",
    "a b",
    "--x=1",
    "$HOME",
    "naïve",
  ]).env("S", "secret");
  assertEquals(
    command.commandLine(),
    `printf '%s\n' '' 'it'\\''s' 'a b' --x=1 '$HOME' 'naïve'`,
  );
  const back = await new Command("sh", ["-c", command.commandLine()])
    .outputString();
  assertEquals(back.stdout, "\nit's\na b\n--x=1\n$HOME\nnaïve\n");
});

test("a stdin source says whether it is empty and whether it is one-shot", () => {
  const facts = (stdin: Stdin) => [stdin.isEmpty, stdin.isOneShot];
  assertEquals(facts(Stdin.empty()), [true, false]);
  assertEquals(facts(Stdin.fromString("")), [false, false]);
  assertEquals(facts(Stdin.fromLines([])), [false, false]);
  assertEquals(facts(Stdin.fromBytes(new Uint8Array())), [false, false]);
  assertEquals(facts(Stdin.fromFile("x")), [false, false]);
  assertEquals(facts(Stdin.fromStream(new ReadableStream())), [false, true]);
  assertEquals(facts(Stdin.fromAsyncLines((async function* () {})())), [
    false,
    true,
  ]);
});

test("stdin copies the bytes that it is given", async () => {
  const bytes = new TextEncoder().encode("before");
  const command = new Command("cat").stdin(bytes);
  bytes.fill(33);
  assertEquals(await command.run(), "before");
});

test("a dry run starts no child and records the command lines", async () => {
  const runner = new DryRunRunner();
  assertEquals(await runner.run(new Command("rm", ["-r", "old files"])), "");
  assert(await runner.probe(new Command("false")));
  assertEquals(
    (await runner.outputBytes(new Command("true"))).stdout.length,
    0,
  );
  assertEquals(runner.commands(), ["rm -r 'old files'", "false", "true"]);
});
