import { createServer } from "node:net";
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
import { isAlive, runtimeName, test } from "../harness.ts";
import { PROGRAMS, ROOT, scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "../std.ts";

const LONG = 20_000;

/** A port that nobody listens on, as far as that can be told. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  const address = server.address() as { port: number };
  await new Promise<unknown>((resolve) => server.close(resolve));
  return address.port;
}

function serverOn(port: number, wait: number, action = "listen"): Command {
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/server.ts",
  );
  return new Command(program, [...args, String(port), String(wait), action]);
}

/** How long `action` takes, in milliseconds. */
async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

test("a server that becomes ready is waited for, and what it prints later is not lost", async () => {
  const script =
    "echo booting; sleep 0.3; echo ready on 80; echo first; sleep 0.1; echo second; sleep 60";
  await using server = await sh(script).start();
  const waited = await timeOf(async () => {
    const line = await server.waitForLine(
      (line) => line.startsWith("ready"),
      LONG,
    );
    assertEquals(line, "ready on 80");
  });
  assert(waited >= 280, `${waited}`);
  const lines = server.stdoutLines();
  assertEquals((await lines.next()).value, "first");
  assertEquals((await lines.next()).value, "second");
  assert(await isAlive(server.pid!));
});

test("a server that never becomes ready is not waited for beyond the deadline, and goes on", async () => {
  await using server = await sh("echo booting; echo warming; sleep 60").start();
  const waited = await timeOf(async () => {
    const error = await failureOf(
      server.waitForLine((line) => line === "ready", 300),
    );
    assertInstanceOf(error, NotReadyError);
    assertEquals([error.kind, error.program], ["not-ready", "sh"]);
    assertStringIncludes(error.message, "within 300 ms");
    assertStringIncludes(error.message, '"warming"');
  });
  assert(waited >= 280 && waited < 10_000, `${waited}`);
  assert(await isAlive(server.pid!));
  // Nothing was taken: it is all there for the next one.
  assertEquals(
    await server.waitForLine((line) => line === "booting", LONG),
    "booting",
  );
  assertEquals((await server.stdoutLines().next()).value, "warming");
});

test("a server that dies first is not waited for any longer", async () => {
  await using server = await sh("echo booting; sleep 0.2; echo failed; exit 3")
    .start();
  const waited = await timeOf(async () => {
    const error = await failureOf(
      server.waitForLine((line) => line === "ready", 60_000),
    );
    assertInstanceOf(error, NotReadyError);
    assertStringIncludes(error.message, '"failed"');
  });
  assert(waited < 10_000, `${waited}`);
  assertEquals((await server.outputString()).stdout, "booting\nfailed\n");
});

test("a last line without an end is a line", async () => {
  await using process = await sh("echo one; printf ready").start();
  assertEquals(
    await process.waitForLine((line) => line === "ready", LONG),
    "ready",
  );
  assertEquals((await process.outputString()).stdout, "");
});

test("what is left after a line can be had in any form", async () => {
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

test("a prompt without a line end is waited for, and the rest of its line is the next one's", async () => {
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

test("a prompt is seen in whole characters, and looks at whole lines too", async () => {
  await using process = await sh(
    "echo first; printf 'na\\303'; sleep 0.1; printf '\\257ve> '; sleep 60",
  ).start();
  const seen: string[] = [];
  const prompt = await process.waitForOutput((text) => {
    seen.push(text);
    return text.endsWith("> ");
  }, LONG);
  assertEquals(prompt, "naïve> ");
  assert(!seen.some((text) => text.includes("\ufffd")), `${seen}`);
  assertEquals(seen[0], "first");
});

test("a character that had not come whole is the next reader's", async () => {
  await using process = await sh(
    "printf '> \\303'; sleep 0.2; printf '\\251\\n'",
  ).start();
  assertEquals(
    await process.waitForOutput((text) => text === "> ", LONG),
    "> ",
  );
  assertEquals(await collect(process.stdoutLines()), ["é"]);
});

test("a prompt that never comes is no more waited for when the output has ended", async () => {
  await using process = await sh("printf 'almost'; exec >&-; sleep 60").start();
  const error = await failureOf(
    process.waitForOutput((text) => text === "> ", 60_000),
  );
  assertInstanceOf(error, NotReadyError);
  assertStringIncludes(error.message, '"almost"');
  assert(await isAlive(process.pid!));
});

test("a predicate that throws takes nothing", async () => {
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

test("only one at a time can wait for a line", async () => {
  await using process = await sh("sleep 0.2; echo one; sleep 60").start();
  const first = process.waitForLine(() => true, LONG);
  await assertRejects<Error>(
    () => process.waitForLine(() => true, LONG),
    OutputConsumedError,
    "still waiting",
  );
  assertEquals(await first, "one");
});

test("waiting is over with an abort, and with a timeout", async () => {
  const abort = new AbortController();
  await using aborted = await sh("sleep 60").cancelOn(abort.signal).start();
  const waits = [
    aborted.waitForLine(() => true, 60_000),
    aborted.waitFor(() => false, 60_000),
    aborted.waitForPort({ port: await freePort() }, 60_000),
  ].map(failureOf);
  abort.abort();
  for (const error of await Promise.all(waits)) {
    assertInstanceOf(error, CancelledError);
  }
  await using late = await sh("sleep 60").timeout(200).start();
  await assertRejects(
    () => late.waitForLine(() => true, 60_000),
    NotReadyError,
  );
});

test("output that is too large ends the waiting as it ends the run", async () => {
  await using process = await new Command("yes").outputBuffer({
    maxBytes: 10_000,
    overflow: "error",
  }).start();
  await assertRejects(
    () => process.waitForLine((line) => line === "no", 60_000),
    OutputTooLargeError,
  );
});

test("a port is waited for until somebody listens there", async () => {
  const port = await freePort();
  // By the second or third question somebody does, and not by the first.
  await using server = await serverOn(port, 100).start();
  await server.waitForPort({ port }, LONG);
  await server.waitForPort({ hostname: "127.0.0.1", port }, LONG);
  await server.waitForLine((line) => line === "listening", LONG);
});

test("a port of this machine may be one of IPv6 alone", async () => {
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

test("a port that nobody opens is not waited for for ever", async () => {
  const port = await freePort();
  await using process = await sh("sleep 60").start();
  const error = await failureOf(process.waitForPort({ port }, 300));
  assertInstanceOf(error, NotReadyError);
  assertStringIncludes(error.message, `port ${port}`);
  await using dies = await serverOn(port, 100, "die").start();
  const waited = await timeOf(() =>
    assertRejects(() => dies.waitForPort({ port }, 60_000), NotReadyError)
  );
  assert(waited < 20_000, `${waited}`);
  for (const port of [0, 65536, 1.5, NaN]) {
    await assertRejects<Error>(
      () => process.waitForPort({ port }, 100),
      RangeError,
    );
  }
});

test("a process that prints a lot is not held up while a port is waited for", async () => {
  const port = await freePort();
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/server.ts",
  );
  const script = 'seq 200000; exec "$@"';
  await using server = await sh(
    script,
    program,
    ...args,
    String(port),
    "0",
    "listen",
  ).start();
  await server.waitForPort({ port }, LONG);
  await server.waitForLine((line) => line === "listening", LONG);
});

test("anything can be waited for, and what fails is asked again", async () => {
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

test("what was waited for may have come with the end of the process", async () => {
  await using process = await sh("sleep 0.2").start();
  await process.waitFor(async () => !await isAlive(process.pid!), LONG);
  await using other = await sh("true").start();
  const waited = await timeOf(() =>
    assertRejects(() => other.waitFor(() => false, 60_000), NotReadyError)
  );
  assert(waited < 20_000, `${waited}`);
  await using hangs = await sh("sleep 0.1").start();
  const hung = await timeOf(() =>
    assertRejects(
      () => hangs.waitFor(() => new Promise(() => {}), 60_000),
      NotReadyError,
    )
  );
  assert(hung < 20_000, `${hung}`);
});

test("a deadline that is none is refused", async () => {
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

test("without the permission for it no port is waited for, and nobody is asked", async () => {
  const script = `
    import { Command } from "./mod.ts";
    await using process = await new Command("sleep", ["5"]).start();
    try { await process.waitForPort({ port: 9 }, 2000); }
    catch (error) { console.log(error.name, error.message); }
  `;
  const result = await new Command(PROGRAMS.deno, [
    "eval", // has all permissions; those it is not to have are dropped
    "--quiet",
    `await Deno.permissions.revoke({ name: "net" }); ${script}`,
  ]).cwd(ROOT).outputString();
  assertStringIncludes(result.stdout, UnsupportedError.name);
  assertStringIncludes(result.stdout, "--allow-net=127.0.0.1:9");
});
