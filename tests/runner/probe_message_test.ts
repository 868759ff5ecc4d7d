// What a probe says when what it waits for does not come: the whole message.

import { createServer } from "node:net";
import {
  NotReadyError,
  Reply,
  type RunningProcess,
  ScriptedRunner,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { test } from "../harness.ts";
import { assert, assertEquals, assertInstanceOf } from "../std.ts";

const LONG = 60_000;

/** What a probe of a live process rejects with. */
async function refusal(
  script: string,
  probe: (process: RunningProcess) => Promise<unknown>,
): Promise<Error> {
  await using process = await sh(script).start();
  const error = await failureOf(probe(process));
  assertInstanceOf(error, Error);
  return error;
}

test("a process that exits while it is waited for is told with its exit code and stderr", async () => {
  const script = "echo starting; echo EADDRINUSE >&2; exit 98";
  const line = `\`sh -c '${script}' sh\` is not ready`;
  const tail = "stderr:\n  EADDRINUSE";
  const probes: [string, (process: RunningProcess) => Promise<unknown>][] = [
    [
      `${line}: it exited with code 98 before a line contained "listening"; its last line was "starting"\n${tail}`,
      (process) => process.waitForLine("listening", LONG),
    ],
    [
      `${line}: it exited with code 98 before a line matched /ready/i; its last line was "starting"\n${tail}`,
      (process) => process.waitForOutput(/ready/i, LONG),
    ],
    [
      `${line}: it exited with code 98 before a line matched the function; its last line was "starting"\n${tail}`,
      (process) => process.waitForLine(() => false, LONG),
    ],
    [
      `${line}: it exited with code 98 before port 9 of this machine accepted a connection\n${tail}`,
      (process) => process.waitForPort(9, LONG),
    ],
    [
      `${line}: it exited with code 98 before the check returned true; the last attempt failed: not yet\n${tail}`,
      (process) =>
        process.waitFor(() => {
          throw new Error("not yet");
        }, LONG),
    ],
  ];
  for (const [message, probe] of probes) {
    const error = await refusal(script, probe);
    assertInstanceOf(error, NotReadyError);
    assertEquals(error.message, message);
  }
});

test("a probe whose deadline passes says what did not come, and within which time", async () => {
  const script = "echo starting; echo busy >&2; sleep 60";
  const line = `\`sh -c '${script}' sh\` is not ready`;
  const tail = "stderr:\n  busy";
  const seen = async (process: RunningProcess) => {
    // Both are there before the deadline begins.
    for await (const event of process.events()) {
      if (event.kind === "stderr") break;
    }
  };
  const port = await refusal(script, async (process) => {
    await seen(process);
    await process.waitForPort({ hostname: "127.0.0.1", port: 9 }, 100);
  });
  assertEquals(
    port.message,
    `${line}: port 9 of 127.0.0.1 accepted no connection within 100 ms\n${tail}`,
  );
  const check = await refusal(script, async (process) => {
    await seen(process);
    await process.waitFor(() => false, 100);
  });
  assertEquals(
    check.message,
    `${line}: the check did not return true within 100 ms\n${tail}`,
  );
  const own = await refusal("echo starting; sleep 60", async (process) => {
    await process.waitForLine("starting", LONG);
    await process.waitForLine("listening", 100);
  });
  assertEquals(
    own.message,
    "`sh -c 'echo starting; sleep 60' sh` is not ready: no line of stdout contained \"listening\" within 100 ms; " +
      "it has printed no line",
  );
});

test("a process that was killed while it is waited for is told with the signal", async () => {
  const error = await refusal(
    "kill -9 $$",
    (process) => process.waitForLine("x", LONG),
  );
  assertEquals(
    error.message,
    "`sh -c 'kill -9 $$' sh` is not ready: it was killed by SIGKILL (9) before a line contained \"x\"; " +
      "it has printed no line",
  );
});

test("a line is found by a part of it, by a pattern and by a function", async () => {
  const runner = new ScriptedRunner().fallback(
    Reply.lines(["one", "two", "three", "four"]),
  );
  const command = sh("x");
  await using process = await runner.start(command);
  assertEquals(await process.waitForLine("w", LONG), "two");
  // A pattern with "g" finds what it would find without.
  const pattern = /r/g;
  assertEquals(await process.waitForLine(pattern, LONG), "three");
  assertEquals(await process.waitForLine((line) => line === "four"), "four");
  assertEquals(await runner.firstLine(command, "hr"), "three");
  assertEquals(await runner.firstLine(command, /^f/), "four");
  assertEquals(await runner.firstLine(command, "none"), undefined);
});

test("a port is given by its number, by host:port, or by both", async () => {
  const server = createServer();
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  const { port } = server.address() as { port: number };
  await using process = await sh("sleep 60").start();
  await process.waitForPort(port);
  await process.waitForPort(`127.0.0.1:${port}`, LONG);
  await process.waitForPort(`localhost:${port}`, LONG);
  await process.waitForPort({ port }, LONG);
  await new Promise((resolve) => server.close(resolve));
});

test("a probe refuses what it cannot wait for, by its name and by what it got", async () => {
  // deno-lint-ignore no-explicit-any -- the types refuse these calls, and callers without types make them
  const anything = (value: unknown) => value as any;
  const cases: [string, (process: RunningProcess) => Promise<unknown>][] = [
    [
      "waitForLine: expected a string, a RegExp or a function that tests a line, got a number",
      (process) => process.waitForLine(anything(5), LONG),
    ],
    [
      'waitForLine: within: expected milliseconds from 0 to 2147483647, got "5s"',
      (process) => process.waitForLine("x", anything("5s")),
    ],
    [
      "waitForOutput: within: expected milliseconds from 0 to 2147483647, got -1",
      (process) => process.waitForOutput("x", -1),
    ],
    [
      'waitForPort: expected a port, "host:port" or { hostname, port }, got "http://localhost:80/"',
      (process) => process.waitForPort("http://localhost:80/", LONG),
    ],
    [
      'waitForPort: expected a port, "host:port" or { hostname, port }, got undefined',
      (process) => process.waitForPort(anything(undefined), LONG),
    ],
    [
      "waitForPort: expected a port from 1 to 65535, got 70000",
      (process) => process.waitForPort("localhost:70000", LONG),
    ],
    [
      "waitFor: the check: expected a function, got true",
      (process) => process.waitFor(anything(true), LONG),
    ],
  ];
  for (const [message, probe] of cases) {
    const error = await refusal("sleep 60", probe);
    assert(error instanceof TypeError || error instanceof RangeError);
    assertEquals(error.message, message);
  }
  const error = await failureOf(sh("echo a").firstLine(anything({})));
  assertInstanceOf(error, TypeError);
  assertEquals(
    error.message,
    "firstLine: expected a string, a RegExp or a function that tests a line, got an Object",
  );
});
