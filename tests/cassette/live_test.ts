// Live processes that are recorded and replayed.

import { readFile } from "node:fs/promises";
import {
  Cassette,
  CassetteMissError,
  Command,
  JobRunner,
  NotReadyError,
  OutputTooLargeError,
  type ProcessEvent,
  ProcessGroup,
  type ProcessResult,
  ProcessRunner,
  RecordReplayRunner,
  Reply,
  type RunningProcess,
  ScriptedRunner,
  UnsupportedError,
} from "../../mod.ts";
import { collect, failureOf, sh } from "../commands.ts";
import { eventually, temporaryFolder, test } from "../harness.ts";
import { sized } from "../size.ts";
import { withinDeadline } from "./deadline.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "../std.ts";

/** Longer than anything that a test waits for. */
const LONG = 60_000;
const TOOL = sh("echo one; printf 'two\\r\\nthr\\377ee'; echo err >&2; exit 3");
const TEXT = "one\ntwo\r\nthr\ufffdee";

/** Records what `use` does with a live process, and returns the cassette. */
async function recorded(
  command: Command,
  use: (process: RunningProcess) => unknown,
  inner: ProcessRunner = new JobRunner(),
): Promise<Cassette> {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(path, inner, async (runner) => {
    await using process = await runner.start(command);
    await use(process);
  });
  return await Cassette.read(path);
}

/** Waits until the runtime has noticed that a process has exited, which nothing here has waited for. */
async function untilReaped({ pid }: RunningProcess): Promise<void> {
  await eventually(
    `${pid} is reaped`,
    () => readFile(`/proc/${pid}/stat`).then(() => false, () => true),
  );
}

/** Every way to take a live process to its end. */
const ways: Readonly<Record<string, (process: RunningProcess) => unknown>> = {
  wait: (process) => process.wait(),
  finish: (process) => process.finish(),
  outputString: (process) => process.outputString(),
  "stdoutLines and finish": async (process) => {
    await collect(process.stdoutLines());
    await process.finish();
  },
  "stdoutLines alone": (process) => collect(process.stdoutLines()),
  "stdoutLines, left, and finish": async (process) => {
    for await (const _ of process.stdoutLines()) break;
    await process.finish();
  },
  events: (process) => collect(process.events()),
  "waitForLine and wait": async (process) => {
    await process.waitForLine((line) => line === "two", LONG);
    await process.wait();
  },
  profile: (process) => process.profile(10),
  shutdown: async (process) => {
    await untilReaped(process);
    await process.shutdown(LONG);
  },
};

test("every way to read a live process records the same entry", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(TOOL),
  );
  const byVerb = (await Cassette.read(path)).toString();
  for (const [name, use] of Object.entries(ways)) {
    assertEquals((await recorded(TOOL, use)).toString(), byVerb, name);
  }
});

test("a run recorded by start is replayed by outputString and by start", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const live = await TOOL.outputString();
  await RecordReplayRunner.recording(path, new JobRunner(), async (runner) => {
    await using process = await runner.start(TOOL);
    assertEquals(await collect(process.stdoutLines()), [
      "one",
      "two",
      "thr\ufffdee",
    ]);
    await process.finish();
  });
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(await replayer.outputString(TOOL), live);
  await using process = await replayer.start(TOOL);
  assertEquals(process.pid, null);
  assertEquals(await process.outputString(), live);
  assertEquals(live.stdout, TEXT);
});

test("a replayed process has the lines, handlers, events, probes and limits of a live one", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(
    path,
    new JobRunner(),
    (runner) => runner.outputString(TOOL),
  );
  const replayer = await RecordReplayRunner.replay(path);
  const heard: string[] = [];
  const command = TOOL.onStdoutLine((line) => void heard.push(line));
  await using lines = await replayer.start(command);
  const found = await collect(lines.stdoutLines());
  assertEquals(found, ["one", "two", "thr\ufffdee"]);
  assertEquals(await lines.finish(), {
    outcome: { kind: "exited", code: 3 },
    stderr: "err\n",
  });
  assertEquals(heard, found);
  await using probed = await replayer.start(TOOL);
  await probed.waitForLine((line) => line === "two", LONG);
  await assertRejects(
    () => probed.waitForLine((line) => line === "four", LONG),
    NotReadyError,
  );
  assertEquals((await probed.outputString()).stdout, "thr\ufffdee");
  await using events = await replayer.start(TOOL);
  const kinds = (await collect<ProcessEvent>(events.events())).map(({ kind }) =>
    kind
  );
  assertEquals(kinds, [
    "started",
    "stdout",
    "stdout",
    "stdout",
    "stderr",
    "exited",
  ]);
  assertEquals(await replayer.firstLine(TOOL, (line) => line === "two"), "two");
  await using limited = await replayer.start(
    TOOL.outputBuffer({ maxLines: 1 }),
  );
  await limited.wait();
  assertEquals((await limited.outputString()).stdout, "thr\ufffdee");
});

test("a run that did not complete, or that no caller waited for, is not recorded", async () => {
  const endless = sh("echo up; while :; do sleep 0.05; done");
  const abort = new AbortController();
  const early: Record<string, [Command, (process: RunningProcess) => unknown]> =
    {
      disposal: [endless, (process) => process.waitForLine(() => true, LONG)],
      "disposal while a reader waits": [
        endless,
        (process) => process.stdoutLines().next(),
      ],
      kill: [endless, async (process) => {
        process.kill();
        await process.wait();
      }],
      abort: [endless.cancelOn(abort.signal), async (process) => {
        abort.abort();
        await failureOf(process.wait());
      }],
      "disposal of a process that has exited, and was not waited for": [
        sh("echo up"),
        untilReaped,
      ],
      "disposal with unread lines": [
        sh("for n in 0 1 2 3 4 5 6 7 8 9; do echo $n; sleep 0.02; done"),
        async (process) => {
          await process.stdoutLines().next();
          await process.finish();
        },
      ],
      "leaving the loop over the lines": [
        sh("echo up"),
        async (process) => {
          for await (const _ of process.stdoutLines()) break;
          await untilReaped(process);
        },
      ],
    };
  for (const [name, [command, use]] of Object.entries(early)) {
    assertEquals((await recorded(command, use)).entries.length, 0, name);
  }
});

test("firstLine records a run that ended without a match, and none that it killed", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const runner = RecordReplayRunner.record(path);
  for (let round = 0; round < sized(5, 20); round++) {
    await runner.firstLine(new Command("echo", ["found"]), () => true);
  }
  await runner.firstLine(new Command("echo", ["missed"]), () => false);
  await runner.save();
  const { entries } = await Cassette.read(path);
  assertEquals(entries.map(({ stdout }) => stdout), ["missed\n"]);
});

test("a timed-out process is recorded with the output until then, and a shut-down process with its exit code", async () => {
  const late = await withinDeadline(
    (ms) =>
      recorded(
        sh("echo up; sleep 60").timeout(ms),
        (process) => collect(process.stdoutLines()),
      ),
    ({ entries }) => entries[0]?.stdout !== "",
  );
  assertEquals(late.entries.map(({ stdout, timedOut }) => [stdout, timedOut]), [
    ["up\n", true],
  ]);
  const polite = await recorded(
    sh("trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.02; done"),
    async (process) => {
      await process.waitForLine((line) => line === "up", LONG);
      await process.shutdown(LONG);
    },
  );
  assertEquals(polite.entries.map(({ stdout, code }) => [stdout, code]), [
    ["up\nbye\n", 4],
  ]);
});

test("a save leaves out a run that has not ended, and disposal saves it once it has", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const runner = RecordReplayRunner.record(path);
  await using process = await runner.start(
    sh("read x; echo $x").stdin("late\n"),
  );
  await runner.save();
  assertEquals((await Cassette.read(path)).entries.length, 0);
  await process.finish();
  await runner[Symbol.asyncDispose]();
  const { entries } = await Cassette.read(path);
  assertEquals(entries.map(({ stdout, hasStdin }) => [stdout, hasStdin]), [
    ["late\n", true],
  ]);
});

test("start refuses a stdin that stays open, in both modes, and starts nothing", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const inner = new ScriptedRunner().when(() => {
    throw new Error("it was started");
  }, Reply.ok());
  const recorder = RecordReplayRunner.record(path, inner);
  await recorder.save();
  const replayer = await RecordReplayRunner.replay(path);
  const command = new Command("bc").keepStdinOpen();
  for (const runner of [recorder, replayer]) {
    const error = await failureOf(runner.start(command));
    assertInstanceOf(error, UnsupportedError);
    assertEquals(error.program, "bc");
  }
  // A verb closes that stdin at once, and is not refused.
  await using other = await temporaryFolder();
  const whole = RecordReplayRunner.record(other.file("c.json"));
  assertEquals(await whole.run(new Command("cat").keepStdinOpen()), "");
});

test("starting a command that was not recorded is a miss", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.record(path).save();
  const replayer = await RecordReplayRunner.replay(path);
  await assertRejects(() => replayer.start(TOOL), CassetteMissError);
  await assertRejects(
    () => replayer.firstLine(TOOL, () => true),
    CassetteMissError,
  );
});

test("a command that is started several times at once is recorded as often", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  await RecordReplayRunner.recording(path, new JobRunner(), async (runner) => {
    await Promise.all(Array.from({ length: 20 }, async () => {
      await using process = await runner.start(sh("seq 2000; seq 100 >&2"));
      await collect(process.stdoutLines());
      await process.finish();
    }));
  });
  const { entries } = await Cassette.read(path);
  assertEquals(entries.length, 20);
  for (const { stdout, stderr } of entries) {
    assertEquals([stdout.length, stderr.length], [8893, 292]);
  }
});

test("processes of a group and scripted processes are recorded like any other", async () => {
  await using group = await ProcessGroup.create();
  const inGroup = await recorded(TOOL, (process) => process.wait(), group);
  assertEquals(inGroup.entries[0].stdout, TEXT);
  const scripted = new ScriptedRunner().fallback(Reply.lines(["a"]));
  const played = await recorded(TOOL, (process) => process.wait(), scripted);
  assertEquals(played.entries[0].stdout, "a\n");
});

test("recording a live process of a runner that starts a different command is refused", async () => {
  await using folder = await temporaryFolder();
  class Wrapping extends ProcessRunner {
    readonly #inner = new JobRunner();
    override outputString(command: Command) {
      return this.#inner.outputString(sh(command.commandLine()));
    }
    override start(command: Command) {
      return this.#inner.start(sh(command.commandLine()));
    }
  }
  const recorder = RecordReplayRunner.record(
    folder.file("c.json"),
    new Wrapping(),
  );
  await assertRejects(
    () => recorder.start(new Command("echo", ["x"])),
    UnsupportedError,
    "Wrapping",
  );
  assertEquals(await recorder.run(new Command("echo", ["x"])), "x");
});

test("a recorder whose inner runner is a recorder records the same as that one", async () => {
  await using folder = await temporaryFolder();
  const [outer, inner] = [folder.file("outer.json"), folder.file("inner.json")];
  await RecordReplayRunner.recording(
    inner,
    new JobRunner(),
    (recorder) =>
      RecordReplayRunner.recording(outer, recorder, async (runner) => {
        await using process = await runner.start(TOOL);
        await process.finish();
      }),
  );
  const texts = await Promise.all(
    [outer, inner].map(async (path) => (await Cassette.read(path)).toString()),
  );
  assertEquals(texts[0], texts[1]);
  assertEquals(Cassette.parse(texts[0]).entries.length, 1);
});

test("a recorder stores the output that a buffer limit drops, by any verb, and a replay drops it again", async () => {
  const command = sh("seq 1000; seq 5 >&2").outputBuffer({ maxLines: 2 });
  const verbs: ((runner: ProcessRunner) => Promise<ProcessResult<string>>)[] = [
    (runner) => runner.outputString(command),
    async (runner) => {
      await using process = await runner.start(command);
      await process.wait();
      return await process.outputString();
    },
  ];
  for (const verb of verbs) {
    await using folder = await temporaryFolder();
    const path = folder.file("c.json");
    const live = await RecordReplayRunner.recording(
      path,
      new JobRunner(),
      verb,
    );
    assertEquals([live.stdout, live.truncated], ["999\n1000\n", true]);
    const { entries: [entry] } = await Cassette.read(path);
    assertEquals([entry.stdout.length, entry.stderr.length], [3893, 10]);
    assert(!("truncatedStreams" in entry));
    const replayer = await RecordReplayRunner.replay(path);
    for (const again of verbs) assertEquals(await again(replayer), live);
    await assertRejects(() => replayer.run(command), OutputTooLargeError);
    const whole = await replayer.outputString(command.outputBuffer({}));
    assertEquals([whole.stdout.length, whole.truncated], [3893, false]);
  }
});

test("output that was cut off because a background process kept the pipe open is recorded and replayed as truncated", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  // The daemonised process is not found, and keeps stdout open.
  const command = (ms: number) =>
    sh(
      "(setsid sleep 60 2>/dev/null & echo $!); trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done",
    ).timeout(ms).timeoutGrace(60_000);
  const started = (ms: number) => command(ms).arg("started");
  const startAndRead = async (runner: ProcessRunner, ms: number) => {
    await using process = await runner.start(started(ms));
    return await process.outputString();
  };
  const { ms, live } = await withinDeadline(
    async (ms) => {
      const live = await RecordReplayRunner.recording(
        path,
        new JobRunner(),
        (runner) =>
          Promise.all([
            runner.outputString(command(ms)),
            startAndRead(runner, ms),
          ]),
      );
      for (const { stdout } of live) {
        await sh('kill -9 "$1"', stdout.split("\n")[0]).outputString();
      }
      return { ms, live };
    },
    ({ live }) => live.every(({ stdout }) => stdout.endsWith("ready\n")),
  );
  for (const { timedOut, truncated } of live) {
    assertEquals([timedOut, truncated], [true, true]);
  }
  const text = (await Cassette.read(path)).toString();
  assertEquals(Cassette.parse(text).toString(), text);
  const replayer = await RecordReplayRunner.replay(path);
  assertEquals(await replayer.outputString(command(ms)), live[0]);
  assertEquals(await replayer.outputString(started(ms)), live[1]);
  assertEquals(await startAndRead(replayer, ms), live[1]);
  for (
    const streams of ['"stdout"', "[1]", '["stdin"]', "true", "null"]
  ) {
    const broken = text.replace(
      /"truncated_streams": \[[^\]]*\]/,
      `"truncated_streams": ${streams}`,
    );
    assertEquals(
      (await failureOf((async () => Cassette.parse(await broken))()) as {
        reason: string;
      }).reason,
      "invalid-data",
    );
  }
});
