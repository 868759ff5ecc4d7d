// What console.log and a template literal show of the library's values: one useful line,
// and never the value of a variable.

import {
  Cassette,
  CliClient,
  Command,
  DryRunRunner,
  JobRunner,
  ProcessGroup,
  RecordingRunner,
  RecordReplayRunner,
  Reply,
  ScriptedRunner,
  Stdin,
  Supervisor,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { PROGRAMS, ROOT } from "../runtimes.ts";
import { assert, assertEquals, assertMatch, join } from "../std.ts";

/** What `console.log` prints of a value. */
async function logged(value: unknown): Promise<string> {
  const { inspect } = await import("node:util");
  return inspect(value);
}

test("a command shows its command line, directory, names of variables and limits", async () => {
  const command = new Command("git", ["log", "a b"]).cwd("/srv")
    .env("TOKEN", "s3cr3t").envRemove("HOME").stdin("input").timeout(5000)
    .timeoutGrace(100).okCodes([0, 1]).outputBuffer({ maxLines: 10 })
    .retry({ attempts: 3, when: () => true }).stderr("null");
  const line =
    "git log 'a b' (in /srv; sets TOKEN; removes HOME; with stdin; stderr to null; ok codes 0, 1; " +
    "timeout 5000 ms; SIGTERM, grace 100 ms; up to 3 attempts; keeps 10 lines)";
  assertEquals(`${command}`, line);
  assertEquals(await logged(command), `Command { ${line} }`);
  assertEquals(`${new Command("true")}`, "true");
  assertEquals(
    `${new Command("x").inheritEnv(["PATH"]).foreground()}`,
    "x (inherits PATH alone; stdin inherited; stdout to inherit; stderr to inherit; in the foreground)",
  );
  const long = `${new Command("x", ["y".repeat(10_000)])}`;
  assert(long.length < 600, `${long.length}`);
});

test("a result shows the command line, how it ended, and the beginning of each output", async () => {
  const runner = new ScriptedRunner().fallback(
    Reply.fail(3, "no\n").withStdout("x".repeat(500)),
  );
  const result = await runner.outputString(new Command("tool", ["a b"]));
  const line =
    `\`tool 'a b'\` exited with code 3 in 0 ms; stdout: "${
      "x".repeat(100)
    }…" (500 characters); ` + 'stderr: "no\\n"';
  assertEquals(`${result}`, line);
  assertEquals(await logged(result), `ProcessResult { ${line} }`);
  const bytes = await runner.outputBytes(new Command("tool"));
  assertEquals(
    `${bytes}`,
    '`tool` exited with code 3 in 0 ms; stdout: 500 bytes; stderr: "no\\n"',
  );
});

test("runners show what they are", async () => {
  const scripted = new ScriptedRunner().on(["a"], Reply.ok()).fallback(
    Reply.ok(),
  );
  const recording = new RecordingRunner(scripted);
  await recording.run(new Command("a"));
  await using group = await ProcessGroup.create({
    containment: "process-group",
  });
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const recorder = RecordReplayRunner.record(path, scripted);
  await recorder.run(new Command("a"));
  await recorder.save();
  const replayer = await RecordReplayRunner.replay(path);
  for (
    const [value, shown] of [
      [new JobRunner(), "JobRunner { containment: process-group }"],
      [scripted, "ScriptedRunner { 1 rule and a fallback }"],
      [
        recording,
        "RecordingRunner { 1 call of ScriptedRunner { 1 rule and a fallback } }",
      ],
      [new DryRunRunner(), "DryRunRunner { 0 commands }"],
      [group, "ProcessGroup { process-group }"],
      [
        recorder,
        `RecordReplayRunner { record ${JSON.stringify(path)}: 1 new }`,
      ],
      [
        replayer,
        `RecordReplayRunner { replay ${JSON.stringify(path)}: 1 recording }`,
      ],
    ] as const
  ) {
    assertEquals(`${value}`, shown);
    assertEquals(await logged(value), shown);
  }
});

test("processes, pipelines, supervisors and the rest show what they are about", async () => {
  const command = sh("sleep 60").env("TOKEN", "s3cr3t");
  await using process = await command.start();
  assertMatch(
    await logged(process),
    /^RunningProcess \{ `sh -c 'sleep 60' sh`, pid \d+, running for \d+ ms \}$/,
  );
  const pipeline = command.pipe(new Command("cat")).timeout(60_000);
  assertEquals(
    await logged(pipeline),
    "Pipeline { sh -c 'sleep 60' sh (sets TOKEN) | cat (timeout 60000 ms) }",
  );
  await using session = await pipeline.start();
  assertMatch(
    await logged(session),
    /^PipelineSession \{ `sh -c 'sleep 60' sh` \| `cat`, pids \d+, \d+, running for \d+ ms \}$/,
  );
  const supervisor = new Supervisor(command).maxRestarts(2);
  assertEquals(
    await logged(supervisor),
    "Supervisor { sh -c 'sleep 60' sh (sets TOKEN), restart on-crash, at most 2 restarts }",
  );
  await using supervision = supervisor.start();
  assertMatch(
    await logged(supervision),
    /^SupervisionSession \{ sh -c 'sleep 60' sh \(sets TOKEN\), (starting|running), 0 restarts \}$/,
  );
  assertEquals(
    await logged(new CliClient("git", { args: ["-C", "/srv"] })),
    "CliClient { git -C /srv }",
  );
  assertEquals(await logged(Stdin.fromString("abc")), "Stdin { 3 bytes }");
  assertEquals(await logged(new Cassette()), "Cassette { 0 entries }");
});

test("an error shows its message, stack and cause, and not the output of the run", async () => {
  const cause = new Error("inner");
  const noisy = sh("seq 1000; echo oops >&2; exit 1");
  const error = await failureOf(noisy.run());
  const text = await logged(error);
  assert(
    text.startsWith(
      "ExitError: `sh -c 'seq 1000; echo oops >&2; exit 1' sh` exited with code 1\nstderr:\n  oops\n",
    ),
    text,
  );
  assert(/\n +at /.test(text), text);
  assert(!text.includes("500"), text);
  const cancelled = await failureOf(
    sh("sleep 60").cancelOn(AbortSignal.abort(cause)).run(),
  );
  assert((await logged(cancelled)).includes("Caused by: Error: inner"));
});

test("console.log prints the same on this runtime", async () => {
  await using folder = await temporaryFolder();
  const file = folder.file("log.ts");
  const { writeFile } = await import("node:fs/promises");
  await writeFile(
    file,
    `import { Command } from ${JSON.stringify(join(ROOT, "mod.ts"))};
const command = new Command("git", ["status"]).env("TOKEN", "s3cr3t");
console.log(command);
console.log(await new Command("printf", ["a"]).outputString().then((result) => String(result).replace(/\\d+ ms/, "N ms")));
`,
  );
  const args = runtimeName === "deno"
    ? ["run", "-A", "--no-check", `--config=${join(ROOT, "deno.json")}`, file]
    : [file];
  assertEquals(
    await new Command(PROGRAMS[runtimeName], args).env("NO_COLOR", "1").run(),
    "Command { git status (sets TOKEN) }\n" +
      '`printf a` exited with code 0 in N ms; stdout: "a"; stderr: ""',
  );
});
