import { createServer } from "node:net";
import process from "node:process";
import {
  CancelledError,
  Command,
  NotReadyError,
  OutputConsumedError,
  OutputTooLargeError,
  type RunningProcess,
  UnsupportedError,
} from "../../mod.ts";
import { collect, failureOf, sh, sleep } from "../commands.ts";
import { eventually, isAlive, runtimeName, test } from "../harness.ts";
import { PROGRAMS, ROOT, scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../std.ts";

const LONG = 60_000;

let nextPort = 20_000 + (process.pid * 16) % 12_000;

/**
 * A port of 127.0.0.1 on which no process listens. The system gives ports above 32767
 * to processes that listen on any port; each test process has 16 of the others.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort++;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.on("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise<unknown>((resolve) => server.close(resolve));
    return port;
  }
}

/** What `probe` rejects with; fails if it rejects only at the deadline that it is given. */
async function failureBeforeDeadline(
  probe: (deadline: number) => Promise<unknown>,
): Promise<unknown> {
  const started = performance.now();
  const error = await failureOf(probe(2 * LONG));
  const elapsed = performance.now() - started;
  assert(elapsed < LONG, `it took ${elapsed} ms`);
  return error;
}

/** A server that listens on a port, or dies, at its first input. */
function serverOn(port: number, action: "listen" | "die"): Command {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/server.ts",
  );
  return new Command(program, [...args, String(port), action]);
}

test("waitForLine waits until the line is printed, and takes no later output", async () => {
  const script =
    "echo booting; read _; echo ready on 80; echo first; read _; echo second; sleep 60";
  await using server = await sh(script).keepStdinOpen().start();
  const stdin = server.takeStdin()!;
  const seen: string[] = [];
  const ready = server.waitForLine((line) => {
    seen.push(line);
    return line.startsWith("ready");
  }, LONG);
  await eventually("it boots", () => seen.includes("booting"));
  await stdin.writeLine("");
  assertEquals(await ready, "ready on 80");
  const lines = server.stdoutLines();
  assertEquals((await lines.next()).value, "first");
  await stdin.writeLine("");
  assertEquals((await lines.next()).value, "second");
  assert(await isAlive(server.pid!));
});

test("waitForLine rejects at its deadline, takes nothing, and the process goes on", async () => {
  await using server = await sh("echo booting; echo warming; sleep 60").start();
  await server.waitFor(() => server.stdoutLineCount === 2, LONG);
  const started = performance.now();
  const error = await failureOf(
    server.waitForLine((line) => line === "ready", 300),
  );
  const waited = performance.now() - started;
  assertInstanceOf(error, NotReadyError);
  assertEquals([error.kind, error.program], ["not-ready", "sh"]);
  assertStringIncludes(error.message, "within 300 ms");
  assertStringIncludes(error.message, '"warming"');
  assert(waited >= 280 && waited < 30_000, `${waited}`);
  assert(await isAlive(server.pid!));
  assertEquals(
    await server.waitForLine((line) => line === "booting", LONG),
    "booting",
  );
  assertEquals((await server.stdoutLines().next()).value, "warming");
});

test("waitForLine rejects as soon as the process has ended without the line", async () => {
  await using server = await sh("echo booting; read _; echo failed; exit 3")
    .keepStdinOpen().start();
  const stdin = server.takeStdin()!;
  const ready = failureBeforeDeadline((deadline) =>
    server.waitForLine((line) => line === "ready", deadline)
  );
  await stdin.writeLine("");
  const error = await ready;
  assertInstanceOf(error, NotReadyError);
  assertStringIncludes(error.message, '"failed"');
  assertEquals((await server.outputString()).stdout, "booting\nfailed\n");
});

test("waitForLine takes a last line without a line feed", async () => {
  await using process = await sh("echo one; printf ready").start();
  assertEquals(
    await process.waitForLine((line) => line === "ready", LONG),
    "ready",
  );
  assertEquals((await process.outputString()).stdout, "");
});

test("the output after a line that was waited for can be read in any form", async () => {
  const script = "printf 'one\\r\\ntwo\\nthr\\377ee'";
  const readers: ((process: RunningProcess) => Promise<unknown>)[] = [
    async (process) => await collect(process.stdoutLines()),
    async (process) => (await process.outputString()).stdout,
    async (process) => [...(await process.outputBytes()).stdout],
    async (process) =>
      (await collect(process.stdoutStream())).flatMap((piece) => [...piece]),
  ];
  const bytes = [116, 119, 111, 10, 116, 104, 114, 255, 101, 101];
  const rest = [["two", "thr\ufffdee"], "two\nthr\ufffdee", bytes, bytes];
  for (const [index, read] of readers.entries()) {
    await using process = await sh(script).start();
    assertEquals(await process.waitForLine(() => true, LONG), "one");
    assertEquals(await read(process), rest[index]);
  }
});

test("waitForOutput takes a prompt without a line feed, and leaves the rest of its line", async () => {
  await using process = await sh(
    'printf \'Name: \'; read name; printf "Hello, $name\\nPassword: "; read word; echo; echo "$word"',
  ).keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  assertEquals(
    await process.waitForOutput((text) => text.endsWith(": "), LONG),
    "Name: ",
  );
  await stdin.writeLine("Ada");
  assertEquals(await process.waitForLine(() => true, LONG), "Hello, Ada");
  assertEquals(
    await process.waitForOutput((text) => text === "Password: ", LONG),
    "Password: ",
  );
  await stdin.writeLine("secret");
  assertEquals(await collect(process.stdoutLines()), ["", "secret"]);
});

test("waitForOutput looks at whole lines, and at whole characters of an open line", async () => {
  await using process = await sh(
    "echo first; printf 'na\\303'; read _; printf '\\257ve> '; sleep 60",
  ).keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const seen: string[] = [];
  const prompt = process.waitForOutput((text) => {
    seen.push(text);
    return text.endsWith("> ");
  }, LONG);
  await eventually("the open line is seen", () => seen.includes("na"));
  await stdin.writeLine("");
  assertEquals(await prompt, "naïve> ");
  assert(!seen.some((text) => text.includes("\ufffd")), `${seen}`);
  assertEquals(seen[0], "first");
});

test("waitForOutput leaves a character that has not come whole to the next reader", async () => {
  await using process = await sh("printf '> \\303'; read _; printf '\\251\\n'")
    .keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  assertEquals(
    await process.waitForOutput((text) => text === "> ", LONG),
    "> ",
  );
  await stdin.writeLine("");
  assertEquals(await collect(process.stdoutLines()), ["é"]);
});

test("waitForOutput rejects as soon as the output has ended without the prompt", async () => {
  await using process = await sh("printf 'almost'; exec >&-; sleep 60").start();
  const error = await failureBeforeDeadline((deadline) =>
    process.waitForOutput((text) => text === "> ", deadline)
  );
  assertInstanceOf(error, NotReadyError);
  assertStringIncludes(error.message, '"almost"');
  assert(await isAlive(process.pid!));
});

test("waitForLine rejects with the error of its predicate, and takes nothing", async () => {
  await using process = await sh("echo one; sleep 60").start();
  await assertRejects<Error>(
    () =>
      process.waitForLine(() => {
        throw new Error("mine");
      }, LONG),
    Error,
    "mine",
  );
  assertEquals(await process.waitForLine(() => true, LONG), "one");
});

test("a second waitForLine is refused while the first one waits", async () => {
  await using process = await sh("read _; echo one; sleep 60").keepStdinOpen()
    .start();
  const stdin = process.takeStdin()!;
  const first = process.waitForLine(() => true, LONG);
  await assertRejects<Error>(
    () => process.waitForLine(() => true, LONG),
    OutputConsumedError,
    "still waiting",
  );
  await stdin.writeLine("");
  assertEquals(await first, "one");
});

test("an abort and a timeout of the command end its probes", async () => {
  const abort = new AbortController();
  await using aborted = await sh("sleep 60").cancelOn(abort.signal).start();
  const port = await freePort();
  const probes = [
    (deadline: number) => aborted.waitForLine(() => true, deadline),
    (deadline: number) => aborted.waitFor(() => false, deadline),
    (deadline: number) => aborted.waitForPort({ port }, deadline),
  ].map(failureBeforeDeadline);
  abort.abort();
  for (const error of await Promise.all(probes)) {
    assertInstanceOf(error, CancelledError);
  }
  await using late = await sh("sleep 60").timeout(200).start();
  assertInstanceOf(
    await failureBeforeDeadline((deadline) =>
      late.waitForLine(() => true, deadline)
    ),
    NotReadyError,
  );
});

test("waitForLine rejects when the output exceeds a limit that is an error", async () => {
  await using process = await new Command("yes").outputBuffer({
    maxBytes: 10_000,
    overflow: "error",
  }).start();
  await assertRejects(
    () => process.waitForLine((line) => line === "no", LONG),
    OutputTooLargeError,
  );
});

test("waitForPort waits until the process listens on the port", async () => {
  const port = await freePort();
  await using server = await serverOn(port, "listen").keepStdinOpen().start();
  const stdin = server.takeStdin()!;
  const isOpen = server.waitForPort({ port }, LONG);
  // By now the first attempt to connect has failed.
  await server.waitForLine((line) => line === "starting", LONG);
  await stdin.writeLine("");
  await isOpen;
  await server.waitForPort({ hostname: "127.0.0.1", port }, LONG);
  await server.waitForLine((line) => line === "listening", LONG);
});

test("waitForPort finds a port that is open on IPv6 alone", async () => {
  const server = createServer((socket) => socket.end());
  const bound = await new Promise<boolean>((resolve) => {
    server.on("error", () => resolve(false));
    server.listen(0, "::1", () => resolve(true));
  });
  // A machine without IPv6 has no such port.
  if (!bound) return;
  const { port } = server.address() as { port: number };
  await using process = await sh("sleep 60").start();
  await process.waitForPort({ port }, LONG);
  await new Promise<unknown>((resolve) => server.close(resolve));
});

test("waitForPort rejects at its deadline, when the process has ended, and for an invalid port", async () => {
  const port = await freePort();
  await using process = await sh("sleep 60").start();
  const error = await failureOf(process.waitForPort({ port }, 300));
  assertInstanceOf(error, NotReadyError);
  assertStringIncludes(error.message, `port ${port}`);
  await using server = await serverOn(port, "die").keepStdinOpen().start();
  const stdin = server.takeStdin()!;
  const isOpen = failureBeforeDeadline((deadline) =>
    server.waitForPort({ port }, deadline)
  );
  await server.waitForLine((line) => line === "starting", LONG);
  await stdin.writeLine("");
  assertInstanceOf(await isOpen, NotReadyError);
  for (const port of [0, 65536, 1.5, NaN]) {
    await assertRejects<Error>(
      () => process.waitForPort({ port }, 100),
      RangeError,
    );
  }
});

test("a process that prints much goes on during waitForPort", async () => {
  const port = await freePort();
  const { program, args } = serverOn(port, "listen").invocation;
  await using server = await sh(
    'seq 200000; exec "$@"',
    program,
    ...args,
  ).stdin("go\n").start();
  await server.waitForPort({ port }, LONG);
  await server.waitForLine((line) => line === "listening", LONG);
});

test("waitFor repeats its check while the check is false or fails", async () => {
  await using process = await sh("sleep 60").start();
  let asked = 0;
  await process.waitFor(() => ++asked === 3, LONG);
  assertEquals(asked, 3);
  await process.waitFor(async () => {
    await sleep(1);
    if (++asked < 6) throw new Error("not yet");
    return true;
  }, LONG);
  const cause = new Error("connection refused");
  const error = await failureOf(
    process.waitFor(() => Promise.reject(cause), 200),
  );
  assertInstanceOf(error, NotReadyError);
  assertEquals(error.cause, cause);
  assertStringIncludes(error.message, "connection refused");
  const hung = await failureOf(
    process.waitFor(() => new Promise(() => {}), 200),
  );
  assertInstanceOf(hung, NotReadyError);
});

test("waitFor checks once more when the process has ended", async () => {
  await using process = await sh("read _").keepStdinOpen().start();
  const stdin = process.takeStdin()!;
  const ended = process.waitFor(
    async () => !await isAlive(process.pid!),
    LONG,
  );
  await stdin.writeLine("");
  await ended;
  await using other = await sh("true").start();
  assertInstanceOf(
    await failureBeforeDeadline((deadline) =>
      other.waitFor(() => false, deadline)
    ),
    NotReadyError,
  );
  // A check that never settles has one second for the last time.
  await using hangs = await sh("true").start();
  assertInstanceOf(
    await failureBeforeDeadline((deadline) =>
      hangs.waitFor(() => new Promise(() => {}), deadline)
    ),
    NotReadyError,
  );
});

test("an invalid deadline is refused", async () => {
  await using process = await sh("sleep 60").start();
  for (const within of [-1, NaN, 2 ** 31]) {
    await assertRejects<Error>(
      () => process.waitForLine(() => true, within),
      RangeError,
    );
    await assertRejects<Error>(
      () => process.waitFor(() => true, within),
      RangeError,
    );
    await assertRejects<Error>(
      () => process.waitForPort({ port: 1 }, within),
      RangeError,
    );
  }
});

test("without the permission to connect waitForPort rejects, and does not ask for it", async () => {
  const script = `
    import { Command } from "./mod.ts";
    await using process = await new Command("sleep", ["60"]).start();
    try { await process.waitForPort({ port: 9 }, 60_000); }
    catch (error) { console.log(error.name, error.message); }
  `;
  const result = await new Command(PROGRAMS.deno, [
    "eval", // has all permissions
    "--quiet",
    `await Deno.permissions.revoke({ name: "net" }); ${script}`,
  ]).cwd(ROOT).outputString();
  assertStringIncludes(result.stdout, UnsupportedError.name);
  assertStringIncludes(result.stdout, "--allow-net=127.0.0.1:9");
});
