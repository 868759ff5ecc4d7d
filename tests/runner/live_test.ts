import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import {
  CancelledError,
  Command,
  isNotFound,
  JobRunner,
  NotFoundError,
  SpawnError,
} from "../../mod.ts";
import { failureOf, sh, signal, sleep } from "../commands.ts";
import {
  eventually,
  isAlive,
  runtimeName,
  setVariables,
  temporaryFolder,
  test,
} from "../harness.ts";
import { outcomeIn } from "../runtimes.ts";
import { sized } from "../size.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../std.ts";
import { soon, withTimeoutAfterReady } from "./deadline.ts";

test("a result has both streams and the exit code", async () => {
  const result = await sh("printf out; printf err >&2; exit 7").outputString();
  assertEquals([result.stdout, result.stderr, result.code], ["out", "err", 7]);
  assertEquals(result.outcome, { kind: "exited", code: 7 });
  assertEquals(result.program, "sh");
  assert(result.duration() > 0);
  assert(!result.truncated);
});

test("stdout is verbatim: no line feed is added, removed or rewritten, and a byte-order mark stays", async () => {
  const { stdout } = await sh("printf '\\357\\273\\277a\\r\\n\\n b \\n\\n'")
    .outputString();
  assertEquals(stdout, "\ufeffa\r\n\n b \n\n");
});

test("a result reports death by a signal with the signal's number", async () => {
  for (const signal of [9, 15]) {
    const result = await sh(`kill -${signal} $$`).outputString();
    assertEquals(result.outcome, { kind: "signalled", signal });
  }
  assertEquals((await sh("exit 137").outputString()).code, 137);
});

test("a result reports death by a real-time signal with the signal's number", async () => {
  // In a process of its own: Deno has no name for such a signal, and never closes the
  // child's entry in its resource table.
  const answer = await outcomeIn(runtimeName, {
    program: "sh",
    args: ["-c", "kill -40 $$"],
  });
  assertEquals(answer.outcome, { kind: "signalled", signal: 40 });
});

test("outputBytes returns stdout as it is", async () => {
  const result = await sh("printf '\\000\\377\\200a'; printf '\\351' >&2")
    .outputBytes();
  assertEquals([...result.stdout], [0, 255, 128, 97]);
  assertEquals(result.stderr, "\ufffd");
});

test("a character that is split between two reads is decoded as one, and invalid bytes become U+FFFD", async () => {
  const { stdout } = await sh(
    "printf 'h\\303'; sleep 0.05; printf '\\251 \\360\\237'; sleep 0.05; printf '\\230\\200 \\377 \\342\\202'",
  ).outputString();
  assertEquals(stdout, "hé 😀 \ufffd \ufffd");
});

test("a line handler gets whole characters, in any encoding", async () => {
  const lines: string[] = [];
  const result = await sh(
    "printf 'a\\000\\351'; sleep 0.05; printf '\\000\\n\\000b\\000'",
  )
    .encoding("utf-16le").onStdoutLine((line) => void lines.push(line))
    .outputString();
  assertEquals(lines, ["aé", "b"]);
  assertEquals(result.stdout, "aé\nb");
  assertEquals(
    (await sh("printf '\\351'").encoding("latin1").outputString()).stdout,
    "é",
  );
});

test("streams that are not captured are empty in the result", async () => {
  const result = await sh("echo out; echo err >&2").stdout("null").stderr(
    "null",
  ).outputString();
  assertEquals([result.stdout, result.stderr, result.code], ["", "", 0]);
  assertEquals(
    (await sh("echo out").stdout("null").outputBytes()).stdout.length,
    0,
  );
});

test("a missing program is a NotFoundError with the folders that were searched", async () => {
  const error = await failureOf(
    new Command("no-such-program").env("PATH", "/no/such:/usr/bin").run(),
  );
  assertInstanceOf(error, NotFoundError);
  assertEquals([error.kind, error.program, error.searched], [
    "not-found",
    "no-such-program",
    [
      "/no/such",
      "/usr/bin",
    ],
  ]);
  assert(isNotFound(error));
  assertStringIncludes(error.message, "no-such-program");
  const byPath = await failureOf(new Command("/no/such/program").run());
  assertInstanceOf(byPath, NotFoundError);
  assertEquals(byPath.searched, []);
});

test("without containment, too, a missing program is a NotFoundError and a missing working directory a SpawnError", async () => {
  await using runner = new JobRunner({ containment: "none" });
  assertInstanceOf(
    await failureOf(runner.run(new Command("no-such-program"))),
    NotFoundError,
  );
  assertInstanceOf(
    await failureOf(runner.run(new Command("true").cwd("/no/such"))),
    SpawnError,
  );
});

test("a missing working directory is a SpawnError that names it", async () => {
  for (const cwd of ["/no/such/folder", "/etc/passwd"]) {
    const error = await failureOf(new Command("true").cwd(cwd).run());
    assertInstanceOf(error, SpawnError);
    assertStringIncludes(error.message, cwd);
    assert(!isNotFound(error));
  }
});

test("a program that exists and cannot be started is a SpawnError, never an exit code", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("plain"), "#!/bin/sh\n");
  await writeFile(folder.file("orphan"), "#!/no/such/interpreter\n");
  await writeFile(folder.file("second"), `#!${folder.file("orphan")}\n`);
  await writeFile(
    folder.file("broken"),
    new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]),
  );
  for (const name of ["orphan", "second", "broken"]) {
    await chmod(folder.file(name), 0o755);
  }
  await mkdir(folder.file("folder"));
  for (const name of ["plain", "orphan", "second", "folder"]) {
    const command = new Command(folder.file(name));
    for (
      const run of [command, command.stderr("null"), command.env("A", "1")]
    ) {
      const error = await failureOf(run.run());
      assertInstanceOf(error, SpawnError, `${name}: ${error}`);
      assertStringIncludes(error.message, name);
      assert(!isNotFound(error));
    }
  }
  // Deno has a shell try such a file, as `execvp` does; Bun reports the system's error.
  const broken = await failureOf(new Command(folder.file("broken")).run());
  assert(broken instanceof SpawnError || runtimeName === "deno", `${broken}`);
});

test("a program that changes between two runs is started as it is now", async () => {
  await using folder = await temporaryFolder();
  const tool = new Command("tool").env("PATH", `${folder.path}:/usr/bin:/bin`);
  const write = async (text: string, mode: number) => {
    await writeFile(folder.file("tool"), text);
    await chmod(folder.file("tool"), mode);
  };
  await write("#!/bin/sh\necho one\n", 0o755);
  assertEquals(await tool.run(), "one");
  await write("#!/bin/sh\necho two\n", 0o755);
  assertEquals(await tool.run(), "two");
  await write("#!/no/such/interpreter\n", 0o755);
  assertInstanceOf(await failureOf(tool.run()), SpawnError);
  await write("#!/bin/sh\necho three\n", 0o755);
  assertEquals(await tool.run(), "three");
  await write("#!/bin/sh\n", 0o644);
  assertInstanceOf(await failureOf(tool.run()), SpawnError);
  await write("#!/bin/sh\necho four\n", 0o755);
  assertEquals(await tool.run(), "four");
  await rm(folder.file("tool"));
  for (const command of [tool, tool.stderr("null")]) {
    assertInstanceOf(await failureOf(command.run()), NotFoundError);
  }
});

test("a program's own message about setsid is not taken for a failed start", async () => {
  const own = await sh("exec setsid -w sh-there-is-none").outputString();
  assertEquals([own.code, own.stderr.startsWith("setsid: ")], [127, true]);
  assertEquals(
    await new Command("setsid", ["-w", "there-is-none"]).exitCode(),
    127,
  );
  const result = await sh(
    "echo 'setsid: failed to execute other: No such file' >&2; exit 127",
  ).outputString();
  assertEquals([result.code, result.stderr], [
    127,
    "setsid: failed to execute other: No such file\n",
  ]);
});

test("a program that is open for writing is a SpawnError, never an exit code", async () => {
  await using folder = await temporaryFolder();
  const busy = folder.file("busy");
  await sh(`cp /bin/true "$1"`, busy).run();
  const writer = sh(`exec 3>>"$1"; echo ready; sleep 60`, busy);
  const stop = new AbortController();
  const started = Promise.withResolvers<void>();
  const writing = failureOf(
    writer.onStdoutLine(() => started.resolve()).cancelOn(stop.signal).run(),
  );
  await started.promise;
  const error = await failureOf(new Command(busy).run());
  stop.abort();
  await writing;
  assertInstanceOf(error, SpawnError);
  assertStringIncludes(error.message, "busy");
});

test("a program is looked up in the command's own PATH, else in the caller's, also with an empty environment", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("greet"), "#!/bin/sh\necho hello from $0\n");
  await chmod(folder.file("greet"), 0o755);
  const own = new Command("greet").env("PATH", `/no/such:${folder.path}`);
  assertStringIncludes(await own.run(), `hello from ${folder.path}/greet`);
  assertStringIncludes(await own.envClear().run(), "hello");
  assertEquals(await new Command("echo", ["x"]).envClear().run(), "x");
  assertEquals(await new Command("echo", ["x"]).envRemove("PATH").run(), "x");
});

test("a relative program is relative to the child's working directory", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.file("sub"));
  await writeFile(folder.file("sub/tool"), "#!/bin/sh\npwd\n");
  await chmod(folder.file("sub/tool"), 0o755);
  assertEquals(
    await new Command("./tool").cwd(folder.file("sub")).run(),
    folder.file("sub"),
  );
  assertEquals(
    await new Command("sub/tool").cwd(folder.path).run(),
    folder.path,
  );
  assertInstanceOf(
    await failureOf(new Command("./tool").cwd(folder.path).run()),
    NotFoundError,
  );
});

test("relative and empty folders in PATH are resolved in the child's working directory", async () => {
  await using folder = await temporaryFolder();
  await mkdir(folder.file("sub"));
  await writeFile(folder.file("sub/tool"), "#!/bin/sh\necho $0\n");
  await chmod(folder.file("sub/tool"), 0o755);
  await using bare = new JobRunner({ containment: "none" });
  for (const runner of [new JobRunner(), bare]) {
    const tool = new Command("tool").cwd(folder.path);
    const shown = await runner.run(tool.env("PATH", "/usr/bin:sub"));
    assert(shown.endsWith("sub/tool"), shown);
    for (const path of ["", ":", "."]) {
      const printed = await runner.run(
        tool.env("PATH", path).cwd(folder.file("sub")),
      );
      assert(printed.endsWith("tool"), printed);
      const error = await failureOf(
        runner.run(new Command("sh").env("PATH", path).cwd(folder.path)),
      );
      assertInstanceOf(
        error,
        NotFoundError,
        `${JSON.stringify(path)}: ${error}`,
      );
    }
    for (const path of ["", "/usr/bin"]) {
      const nowhere = new Command("no-such-program").cwd("/no/such/folder").env(
        "PATH",
        path,
      );
      assertInstanceOf(await failureOf(runner.run(nowhere)), SpawnError);
    }
  }
});

test("a program that moves to another folder of PATH is found there, also for a child without PATH", async () => {
  const { process } = globalThis as unknown as {
    process: { env: Record<string, string | undefined> };
  };
  await using folder = await temporaryFolder();
  for (const name of ["a", "b"]) await mkdir(folder.file(name));
  const place = async (name: string) => {
    await writeFile(folder.file(`${name}/tool`), `#!/bin/sh\necho ${name}\n`);
    await chmod(folder.file(`${name}/tool`), 0o755);
  };
  using _ = setVariables({
    PATH: `${folder.file("a")}:${folder.file("b")}:${process.env.PATH}`,
  });
  const tool = new Command("tool").inheritEnv(["HOME"]);
  await place("b");
  assertEquals(await tool.run(), "b");
  await place("a");
  assertEquals(await tool.run(), "a");
  await rm(folder.file("b/tool"));
  assertEquals(await tool.run(), "a");
  await place("b");
  await rm(folder.file("a/tool"));
  assertEquals([await tool.run(), await new Command("tool").run()], [
    "b",
    "b",
  ]);
});

test("a program's name may look like an option", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("--fork"), "#!/bin/sh\necho odd\n");
  await chmod(folder.file("--fork"), 0o755);
  assertEquals(
    await new Command("--fork").env("PATH", `${folder.path}:/usr/bin:/bin`)
      .run(),
    "odd",
  );
});

test("a child's argv[0] is the program's name as the command gives it", async () => {
  const given = await new Command("ls", ["/no/such/file"]).env("LC_ALL", "C")
    .outputString();
  assertEquals(
    given.stderr,
    "ls: cannot access '/no/such/file': No such file or directory\n",
  );
  const cleared = await new Command("ls", ["/no/such/file"]).envClear()
    .outputString();
  assertEquals(cleared.stderr, given.stderr);
});

test("a child's environment is the parent's, with what the command sets and without what it removes", async () => {
  const print = sh("echo [$ONE] [$TWO] [${HOME-none}] [${__proto__-none}]");
  assertEquals(
    await print.env("ONE", "1").env({ TWO: "2" }).envRemove("HOME").run(),
    "[1] [2] [none] [none]",
  );
  assertEquals(
    await print.env({ ONE: "", TWO: "a b=c\nd" }).envRemove("HOME").run(),
    "[] [a b=c d] [none] [none]",
  );
  assert(!(await print.run()).includes("[none] [none]"), "HOME is inherited");
  assertEquals(await new Command("env").envClear().run(), "");
  assertEquals(
    await linesOf(new Command("env").env("A", "1").envClear().env("B", "2")),
    ["A=1", "B=2"],
  );
  assertEquals(
    await new Command("env").env("A", "1").envRemove("A").envClear().run(),
    "",
  );
  assertEquals(
    await print.env(JSON.parse('{"__proto__":"x"}')).envRemove("HOME").run(),
    "[] [] [none] [x]",
  );
});

test("inherited variables are read from the parent at each spawn", async () => {
  const { process } = globalThis as unknown as {
    process: { env: Record<string, string | undefined> };
  };
  const name = "PROCESSKIT_TEST_VARIABLE";
  const command = new Command("env").inheritEnv([
    name,
    "PROCESSKIT_TEST_NEVER_SET",
  ]).env("OWN", "1");
  using _ = setVariables({ [name]: "first" });
  assertEquals(await linesOf(command), ["OWN=1", `${name}=first`]);
  process.env[name] = "second";
  assertEquals(await linesOf(command), ["OWN=1", `${name}=second`]);
  assertEquals(await sh(`echo $${name}`).run(), "second");
  delete process.env[name];
  assertEquals(await linesOf(command), ["OWN=1"]);
});

/** The lines of its output, sorted: a child's environment has no fixed order. */
async function linesOf(command: Command): Promise<string[]> {
  return (await command.run()).split("\n").sort();
}

test("a child leads a session and a process group of its own, except without containment", async () => {
  const ids = new Command("sh", ["-c", "echo $$; ps -o pgid= -o sid= -p $$"]);
  const [pid, pgid, sid] = (await ids.run()).split(/\s+/);
  assertEquals([pgid, sid], [pid, pid]);
  await using bare = new JobRunner({ containment: "none" });
  const [barePid, barePgid] = (await bare.run(ids)).split(/\s+/);
  assert(barePid !== barePgid);
});

test("an unknown containment is refused", () => {
  let error: unknown;
  try {
    new JobRunner({ containment: "prayer" as "none" });
  } catch (thrown) {
    error = thrown;
  }
  assertInstanceOf(error, TypeError);
});

test("a timed-out run kills its whole process group, and the result has the output so far", async () => {
  const script =
    'echo $$; sleep 600 & echo $!; sleep 600 & echo $!; : >"$1"; wait';
  const result = await withTimeoutAfterReady(async (timeout, ready) => {
    const result = await sh(script, ready).timeout(timeout).outputString();
    assertEquals(result.configuredTimeout, timeout);
    return result;
  });
  assert(result.timedOut);
  const pids = result.stdout.trim().split("\n").map(Number);
  assertEquals(pids.length, 3);
  for (const pid of pids) {
    await eventually(`${pid} is gone`, async () => !await isAlive(pid));
  }
});

test("a child that ignores SIGTERM is killed at the end of the grace period", async () => {
  const result = await withTimeoutAfterReady(async (timeout, ready) => {
    const started = performance.now();
    const script = "trap '' TERM; echo up; : >\"$1\"; exec sleep 60";
    const result = await sh(script, ready).timeout(timeout).timeoutGrace(300)
      .outputString();
    assert(performance.now() - started >= timeout + 300);
    return result;
  });
  assert(result.timedOut);
  assertEquals(result.stdout, "up\n");
});

// A child that is forked under a trap may miss the signal until it has executed its
// program: these scripts start sleep before they set their traps.
test("a child that handles the timeout's signal has the grace period to end by itself", async () => {
  const script =
    "sleep 60 & trap 'echo bye; exit 3' USR1; echo up; : >\"$1\"; wait";
  const result = await withTimeoutAfterReady((timeout, ready) =>
    sh(script, ready).timeout(timeout).timeoutGrace(60_000)
      .timeoutSignal("SIGUSR1").outputString()
  );
  assertEquals([result.stdout, result.outcome], ["up\nbye\n", {
    kind: "timed-out",
  }]);
});

test("the timeout's signal reaches the whole process group", async () => {
  const script =
    "(sleep 60 & trap 'echo bye; exit' TERM; echo up; : >\"$1\"; wait) & wait";
  const result = await withTimeoutAfterReady((timeout, ready) =>
    sh(script, ready).timeout(timeout).timeoutGrace(60_000).outputString()
  );
  assertEquals([result.stdout, result.timedOut], ["up\nbye\n", true]);
});

test("a timeout of 0 ends the run as soon as it has started", async () => {
  await using folder = await temporaryFolder();
  for (let round = 0; round < sized(5, 20); round++) {
    const result = await sh('sleep 60; touch "$1"', folder.file("late"))
      .timeout(0).outputString();
    assert(result.timedOut);
  }
  assertEquals(await readdir(folder.path), []);
});

test("an abort kills the whole process group, and the error has the signal's reason", async () => {
  const abort = new AbortController();
  const reason = new Error("enough");
  let grandchild = 0;
  const command = sh("sleep 600 & echo $!; wait").cancelOn(abort.signal)
    .timeout(600_000).onStdoutLine((line) => {
      grandchild = Number(line);
      abort.abort(reason);
    });
  const error = await soon(failureOf(command.outputString()));
  assertInstanceOf(error, CancelledError);
  assertEquals([error.kind, error.program, error.cause], [
    "cancelled",
    "sh",
    reason,
  ]);
  assert(grandchild > 0);
  await eventually(
    "the grandchild is gone",
    async () => !await isAlive(grandchild),
  );
});

test("an abort while the child is being started ends the run", async () => {
  await using folder = await temporaryFolder();
  const command = sh('sleep 60; touch "$1"', folder.file("late"));
  // In the turn of the call, after some microtasks, and in later turns of the event loop.
  const moments = [
    () => {},
    ...[1, 2, 5, 10, 20].map((count) => async () => {
      for (let turn = 0; turn < count; turn++) await Promise.resolve();
    }),
    ...[0, 0, 1, 2, 3, 5, 10].map((ms) => () => sleep(ms)),
  ];
  for (const moment of moments) {
    const abort = new AbortController();
    const run = failureOf(command.cancelOn(abort.signal).run());
    await moment();
    abort.abort();
    assertInstanceOf(await run, CancelledError);
  }
  assertEquals(await readdir(folder.path), []);
});

test("a run whose abort signal has fired already starts no child", async () => {
  await using folder = await temporaryFolder();
  const command = sh('touch "$1"', folder.file("ran")).cancelOn(
    AbortSignal.abort("before"),
  );
  assertEquals(
    (await assertRejects(() => command.outputString(), CancelledError)).cause,
    "before",
  );
  assertEquals(await sh('ls "$1"', folder.path).run(), "");
});

test("any of several abort signals cancels a run, and cancelling wins over a timeout", async () => {
  const script =
    "trap 'echo late' TERM; : >\"$1\"; while :; do sleep 60 & wait; done";
  const error = await withTimeoutAfterReady((timeout, ready) => {
    const first = new AbortController();
    const second = new AbortController();
    return failureOf(
      sh(script, ready).cancelOn(first.signal).cancelOn(second.signal)
        .timeout(timeout).timeoutGrace(600_000)
        // The child has got the signal of the timeout.
        .onStdoutLine(() => second.abort()).outputString(),
    );
  });
  assertInstanceOf(error, CancelledError);
});

test("a background process that keeps stdout open is ended 2 s after the child has exited", async () => {
  const result = await soon(sh("sleep 600 & echo $!").outputString());
  assertEquals([result.code, result.truncated], [0, false]);
  const holder = Number(result.stdout);
  await eventually("the holder is gone", async () => !await isAlive(holder));
  assert(result.duration() >= 1900, `${result.duration()}`);
});

test("output that a background process prints after the child has exited is in the result", async () => {
  // The background process waits until the child is gone, and then some time more.
  const script =
    "(while kill -0 $$ 2>/dev/null; do sleep 0.02; done; sleep 0.2; echo late) & echo early";
  const result = await sh(script).outputString();
  assertEquals([result.stdout, result.truncated], ["early\nlate\n", false]);
});

/**
 * Starts a daemon that keeps stdout open, and prints its pid. The shell goes on when the
 * daemon has a session of its own.
 */
const DAEMON = "exec 3>&1; echo $(setsid sh -c 'echo $$; exec sleep 60 >&3' &)";

test("a stdout that a process outside the group keeps open is cut, and the result is truncated", async () => {
  const result = await sh(`${DAEMON}; echo done`).outputString();
  const [pid, done] = result.stdout.split("\n");
  assertEquals([result.code, result.truncated, done], [0, true, "done"]);
  signal(Number(pid), "SIGKILL");
});

test("a daemon that keeps stdout open does not hold up a run that ended in its grace period", async () => {
  const script =
    `${DAEMON}; sleep 60 >/dev/null & trap 'exit 0' TERM; : >"$1"; wait`;
  const result = await withTimeoutAfterReady(async (timeout, ready) => {
    const result = await sh(script, ready).timeout(timeout)
      .timeoutGrace(120_000).outputString();
    const daemon = Number(result.stdout);
    assert(await isAlive(daemon));
    signal(daemon, "SIGKILL");
    return result;
  });
  assertEquals([result.timedOut, result.truncated], [true, true]);
});

test("a background process that never stops printing does not hold up the run", async () => {
  const command = sh("(while :; do echo again; done) & echo early");
  assertEquals((await soon(command.outputBytes())).code, 0);
});

test("a run does not wait for a background process that has closed its output, and ends it", async () => {
  const result = await sh("sleep 600 >/dev/null 2>&1 & echo $!").outputString();
  const left = Number(result.stdout);
  // A process that keeps a pipe open has 2 s.
  assert(result.duration() < 1900, `${result.duration()}`);
  await eventually("the process is gone", async () => !await isAlive(left));
});

test("without containment a timeout ends the child alone", async () => {
  await using bare = new JobRunner({ containment: "none" });
  const script = 'sleep 60 >/dev/null 2>&1 & echo $!; : >"$1"; exec sleep 60';
  const result = await withTimeoutAfterReady(async (timeout, ready) => {
    const result = await bare.outputString(sh(script, ready).timeout(timeout));
    const daemon = Number(result.stdout);
    assert(await isAlive(daemon));
    signal(daemon, "SIGKILL");
    return result;
  });
  assert(result.timedOut);
});

test("many runs at once all return their own output", async () => {
  const numbers = Array.from({ length: sized(50, 200) }, (_, index) => index);
  assertEquals(
    await Promise.all(numbers.map((n) => sh('echo "$1"', `${n}`).run())),
    numbers.map(String),
  );
});
