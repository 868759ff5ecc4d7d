import { chmod, mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import {
  CancelledError,
  CliClient,
  Command,
  ExitError,
  NotFoundError,
  outputString,
  ParseError,
  RecordingRunner,
  Reply,
  run,
  ScriptedRunner,
  SpawnError,
  TimeoutError,
  UnsupportedError,
  which,
} from "../../mod.ts";
import { collect, failureOf } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "../std.ts";

test("a client applies its arguments, folder, variables and timeout to every call", async () => {
  await using folder = await temporaryFolder();
  const shell = new CliClient("sh", {
    args: ["-c"],
    cwd: folder.path,
    env: { GREETING: "hello" },
    timeout: 60_000,
  });
  assertEquals(shell.program, "sh");
  assertEquals(await shell.run(["pwd"]), await realpath(folder.path));
  const result = await shell.outputString(['echo "$GREETING $0"', "you"]);
  assertEquals([result.stdout, result.configuredTimeout], [
    "hello you\n",
    60_000,
  ]);
});

test("a client has every verb, which takes arguments or a command", async () => {
  const shell = new CliClient("sh", { args: ["-c"] });
  assertEquals((await shell.checked(["echo x"])).stdout, "x\n");
  assertEquals([...(await shell.outputBytes(["echo x"])).stdout], [120, 10]);
  assertEquals(await shell.exitCode(["exit 3"]), 3);
  assertEquals(await shell.probe(["exit 1"]), false);
  assertEquals(await shell.parse(["echo 5"], Number), 5);
  await assertRejects(
    () => shell.parse(["echo 5"], JSON.parse.bind(null, "{")),
    ParseError,
  );
  assertEquals(
    await shell.firstLine(["echo a; echo b; sleep 600"], (line) => line > "a"),
    "b",
  );
  await using process = await shell.start(["echo x"]);
  assertEquals(await collect(process.stdoutLines()), ["x"]);
  assertEquals(await shell.run(shell.command(["cat"]).stdin("in")), "in");
  assertEquals(await new CliClient("true").run([]), "");
  assertEquals(new CliClient("true").command().commandLine(), "true");
});

test("the timeout and the abort signal of a client end its runs", async () => {
  const shell = new CliClient("sleep", { timeout: 50 });
  await assertRejects(() => shell.run(["600"]), TimeoutError);
  const controller = new AbortController();
  const cancelled = new CliClient("sleep", { cancelOn: controller.signal });
  const going = cancelled.run(["600"]);
  setTimeout(() => controller.abort("enough"), 50);
  const error = await failureOf(going);
  assertInstanceOf(error, CancelledError);
  assertEquals(error.cause, "enough");
});

test("a client runs every command by its runner, which is a property", async () => {
  const scripted = new ScriptedRunner().fallback(Reply.ok("scripted\n"));
  const runner = new RecordingRunner(scripted);
  const tool = new CliClient(new URL("file:///opt/tool"), {
    runner,
    args: ["-q"],
  });
  assertEquals(await tool.run(["go"]), "scripted");
  assertEquals(tool.runner, runner);
  const { program, args } = runner.onlyCall();
  assertEquals([program, args], ["/opt/tool", ["-q", "go"]]);
  const chain = tool.command(["a"]).pipe(tool.command(["b"]))
    .withRunner(tool.runner);
  assertEquals(await chain.run(), "scripted");
});

test("a client refuses options and arguments that a command refuses", () => {
  assertThrows(() => new CliClient(""), TypeError);
  assertThrows(() => new CliClient("x", { timeout: -1 }), RangeError);
  // @ts-expect-error -- one string is no list of arguments
  assertThrows(() => new CliClient("x", { args: "abc" }), TypeError);
  assertThrows(() => new CliClient("x", { env: { "A=B": "" } }), TypeError);
  assertThrows(() => new CliClient("x").command(["a\0"]), TypeError);
});

test("run and outputString run a program in one line", async () => {
  assertEquals(await run("echo", ["a b"]), "a b");
  assertEquals(await run("true"), "");
  assertEquals(await run("sh", ["-c", 'echo "$X"'], { env: { X: "x" } }), "x");
  await assertRejects(() => run("false"), ExitError);
  await assertRejects(() => run(""), TypeError);
  const result = await outputString("sh", ["-c", "echo e >&2; exit 4"]);
  assertEquals([result.code, result.stderr], [4, "e\n"]);
  await assertRejects(() => outputString("no-such-program"), NotFoundError);
  const runner = new ScriptedRunner().fallback(Reply.ok("scripted"));
  assertEquals(await run("x", [], { runner, timeout: 5 }), "scripted");
  assertEquals((await outputString("x", [], { runner })).stdout, "scripted");
});

test("which returns the path of the program that a run would start", async () => {
  await using folder = await temporaryFolder();
  const script = folder.file("tool");
  await writeFile(script, "#!/bin/sh\necho found\n");
  await chmod(script, 0o755);
  await mkdir(folder.file("other"));
  await symlink(script, folder.file("other/linked"));
  await writeFile(folder.file("plain"), "");

  const path = await which("sh");
  assert(path.startsWith("/") && path.endsWith("/sh"), path);
  assertEquals(await new Command(path, ["-c", "echo x"]).run(), "x");
  assertEquals(await which(script), script);
  const tool = new Command("tool").env("PATH", `/nope:${folder.path}`);
  assertEquals(await which(tool), script);
  assertEquals(await tool.run(), "found");
  const relative = new Command("./linked").cwd(folder.file("other"));
  assertEquals(await which(relative), `${folder.file("other")}/./linked`);
  assertEquals(await relative.run(), "found");

  const missing = await failureOf(which(tool.env("PATH", "/nope:/nada")));
  assertInstanceOf(missing, NotFoundError);
  assertEquals(missing.searched, ["/nope", "/nada"]);
  assertEquals(missing.program, "tool");
  await assertRejects(() => which("no-such-program"), NotFoundError);
  await assertRejects(() => which(folder.file("missing")), NotFoundError);
  await assertRejects(
    () => which(folder.file("plain")),
    SpawnError,
    "may not be executed",
  );
  await assertRejects(
    () => which(relative.cwd(folder.file("gone"))),
    SpawnError,
    "working directory",
  );
  await assertRejects(
    () => which(new Command("sh").cwd(folder.file("gone"))),
    SpawnError,
    "working directory",
  );
  await assertRejects(() => which(""), TypeError);
});

test("which names the permissions that it lacks on Deno", async () => {
  const ask = async (...permissions: string[]) => {
    const { program, args } = scriptWords(
      runtimeName,
      "tests/fixtures/which.ts",
      permissions,
    );
    return await new Command(program, [...args, "sh"]).run();
  };
  assertStringIncludes(await ask("--allow-env=PATH", "--allow-read"), "/sh");
  if (runtimeName === "bun") return; // It has no permissions.
  for (const permissions of [[], ["--allow-read"], ["--allow-env=PATH"]]) {
    assertStringIncludes(
      await ask(...permissions),
      `${UnsupportedError.name}: looking up a program is not supported: grant --allow-env=PATH and --allow-read`,
    );
  }
});
