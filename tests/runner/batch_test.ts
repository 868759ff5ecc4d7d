import {
  CancelledError,
  Command,
  isNotFound,
  outputAll,
  Reply,
  ScriptedRunner,
  waitAll,
  waitAny,
} from "../../mod.ts";
import { failureOf, sh, sleep } from "../commands.ts";
import { isAlive, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "../std.ts";

test("the first to end is told by its place, and the others go on", async () => {
  await using slow = await sh("sleep 60").start();
  await using quick = await sh("echo out; exit 3").start();
  assertEquals(await waitAny([slow, quick]), {
    index: 1,
    outcome: { kind: "exited", code: 3 },
  });
  assert(await isAlive(slow.pid!));
  // Waiting has taken nothing.
  assertEquals((await quick.outputString()).stdout, "out\n");
  await assertRejects<Error>(() => waitAny([]), TypeError);
});

test("all are waited for, and their outcomes are in order", async () => {
  await using first = await sh("sleep 0.2; exit 1").start();
  await using second = await sh("kill -9 $$").start();
  assertEquals(await waitAll([first, second]), [
    { kind: "exited", code: 1 },
    { kind: "signalled", signal: 9 },
  ]);
  assertEquals(await waitAll([]), []);
});

test("a run that was cancelled rejects the wait for all, when all have ended", async () => {
  const abort = new AbortController();
  await using cancelled = await sh("sleep 60").cancelOn(abort.signal).start();
  await using other = await sh("sleep 0.3").start();
  const waiting = failureOf(waitAll([cancelled, other]));
  abort.abort();
  assertInstanceOf(await waiting, CancelledError);
  assert(!await isAlive(other.pid!));
  assertInstanceOf(await failureOf(waitAny([cancelled])), CancelledError);
});

test("several commands run some at a time, with their results in order", async () => {
  let running = 0;
  let most = 0;
  const progress: [number, number][] = [];
  const commands = Array.from(
    { length: 7 },
    (_, index) =>
      sh('echo start; sleep "0.$1"; echo "$1"', String(7 - index))
        .onStdoutLine((line) => {
          running += line === "start" ? 1 : -1;
          most = Math.max(most, running);
        }),
  );
  const results = await outputAll(commands, {
    concurrency: 3,
    onProgress: (done, total) => progress.push([done, total]),
  });
  assertEquals(
    results.map((result) =>
      result.status === "fulfilled" ? result.value.stdout : result.reason
    ),
    [7, 6, 5, 4, 3, 2, 1].map((number) => `start\n${number}\n`),
  );
  assertEquals(most, 3);
  assertEquals(progress, [1, 2, 3, 4, 5, 6, 7].map((done) => [done, 7]));
});

test("one that fails stops none of the others", async () => {
  const commands = [
    new Command("no-such-program"),
    sh("exit 3"),
    sh("echo fine"),
  ];
  const [missing, failed, fine] = await outputAll(commands, { concurrency: 1 });
  assert(missing.status === "rejected" && isNotFound(missing.reason));
  assert(failed.status === "fulfilled" && failed.value.code === 3);
  assert(fine.status === "fulfilled" && fine.value.stdout === "fine\n");
});

test("any runner can be what runs them, and there may be none to run", async () => {
  const runner = new ScriptedRunner().fallback(Reply.ok("scripted"));
  const [result] = await outputAll([new Command("x")], {
    concurrency: 9,
    runner,
  });
  assert(result.status === "fulfilled" && result.value.stdout === "scripted");
  assertEquals(await outputAll([], { concurrency: 1 }), []);
});

test("a runner that throws is a failure like any other, and a broken progress is told at the end", async () => {
  let runs = 0;
  const runner = new ScriptedRunner().when(() => {
    runs++;
    return true;
  }, Reply.ok());
  const commands = [1, 2, 3].map(() => new Command("x"));
  await assertRejects<Error>(
    () =>
      outputAll(commands, {
        concurrency: 2,
        runner,
        onProgress: () => {
          throw new Error("broken bar");
        },
      }),
    Error,
    "broken bar",
  );
  assertEquals(runs, 3);
});

test("a concurrency that is none is refused before anything runs", async () => {
  for (const concurrency of [0, -1, 1.5, NaN]) {
    await assertRejects<Error>(
      () => outputAll([sh("sleep 60")], { concurrency }),
      RangeError,
      "concurrency",
    );
  }
  await sleep(0);
});
