import {
  CancelledError,
  Command,
  isNotFound,
  outputAll,
  type ProcessResult,
  ProcessRunner,
  Reply,
  ScriptedRunner,
  Stdin,
  waitAll,
  waitAny,
} from "../../mod.ts";
import { failureOf, sh, sleep } from "../commands.ts";
import { eventually, isAlive, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "../std.ts";

test("waitAny returns the index and the outcome of the first process to end, and the others go on", async () => {
  await using slow = await sh("sleep 60").start();
  await using quick = await sh("echo out; exit 3").start();
  assertEquals(await waitAny([slow, quick]), {
    index: 1,
    outcome: { kind: "exited", code: 3 },
  });
  assert(await isAlive(slow.pid!));
  // Waiting has not taken stdout.
  assertEquals((await quick.outputString()).stdout, "out\n");
  await assertRejects<Error>(() => waitAny([]), TypeError);
});

test("waitAll waits for all processes, and returns their outcomes in order", async () => {
  await using first = await sh("read _; exit 1").keepStdinOpen().start();
  const stdin = first.takeStdin()!;
  await using second = await sh("kill -9 $$").start();
  const waiting = waitAll([first, second]);
  await second.wait();
  await stdin.writeLine("");
  assertEquals(await waiting, [
    { kind: "exited", code: 1 },
    { kind: "signalled", signal: 9 },
  ]);
  assertEquals(await waitAll([]), []);
});

test("waitAll with a cancelled run rejects when all processes have ended", async () => {
  const abort = new AbortController();
  await using cancelled = await sh("sleep 60").cancelOn(abort.signal).start();
  await using other = await new Command("cat").keepStdinOpen().start();
  const stdin = other.takeStdin()!;
  let isOver = false;
  const waiting = failureOf(waitAll([cancelled, other])).finally(() =>
    isOver = true
  );
  abort.abort();
  await failureOf(cancelled.wait());
  await sleep(20);
  assert(!isOver);
  await stdin.finish();
  assertInstanceOf(await waiting, CancelledError);
  assert(!await isAlive(other.pid!));
  assertInstanceOf(await failureOf(waitAny([cancelled])), CancelledError);
});

test("outputAll runs at most `concurrency` commands at a time, and returns the results in order", async () => {
  let running = 0;
  let most = 0;
  const started = new Set<number>();
  const progress: [number, number][] = [];
  const inputs = Array.from(
    { length: 7 },
    () => Promise.withResolvers<string>(),
  );
  const commands = inputs.map(({ promise }, index) =>
    sh("echo started; cat")
      .stdin(Stdin.fromAsyncLines((async function* () {
        yield await promise;
      })()))
      .onStdoutLine((line) => {
        if (line === "started") started.add(index);
        running += line === "started" ? 1 : -1;
        most = Math.max(most, running);
      })
  );
  const all = outputAll(commands, {
    concurrency: 3,
    onProgress: (done, total) => progress.push([done, total]),
  });
  for (const [ended, index] of [2, 1, 3, 0, 5, 6, 4].entries()) {
    await eventually(
      `three commands run when ${ended} have ended`,
      () => started.size >= Math.min(ended + 3, 7),
    );
    inputs[index].resolve(String(index));
  }
  assertEquals(
    (await all).map((result) =>
      result.status === "fulfilled" ? result.value.stdout : result.reason
    ),
    [0, 1, 2, 3, 4, 5, 6].map((index) => `started\n${index}\n`),
  );
  assertEquals(most, 3);
  assertEquals(progress, [1, 2, 3, 4, 5, 6, 7].map((done) => [done, 7]));
});

test("outputAll runs all commands although some fail", async () => {
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

test("outputAll takes any runner, and an empty list of commands", async () => {
  const runner = new ScriptedRunner().fallback(Reply.ok("scripted"));
  const [result] = await outputAll([new Command("x")], {
    concurrency: 9,
    runner,
  });
  assert(result.status === "fulfilled" && result.value.stdout === "scripted");
  assertEquals(await outputAll([], { concurrency: 1 }), []);
});

test("a runner that throws is the failure of its command", async () => {
  const mine = new Error("mine");
  class Throwing extends ProcessRunner {
    override outputString(): Promise<ProcessResult<string>> {
      throw mine;
    }
  }
  const results = await outputAll([new Command("x"), new Command("y")], {
    concurrency: 1,
    runner: new Throwing(),
  });
  assertEquals(
    results.map((result) => result.status === "rejected" && result.reason),
    [mine, mine],
  );
});

test("an error that onProgress throws is thrown when all commands have run", async () => {
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

test("outputAll refuses an invalid concurrency before it runs anything", async () => {
  for (const concurrency of [0, -1, 1.5, NaN]) {
    await assertRejects<Error>(
      () => outputAll([sh("sleep 60")], { concurrency }),
      RangeError,
      "concurrency",
    );
  }
});
