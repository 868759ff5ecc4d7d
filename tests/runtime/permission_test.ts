// What the library can do with some of Deno's permissions. Each case is a Deno program of
// its own, in whichever runtime the suite runs.

import { Command } from "../../mod.ts";
import { sh } from "../commands.ts";
import { eventually, isAlive, temporaryFolder, test } from "../harness.ts";
import { outcomeIn, PROGRAMS, ROOT, scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "../std.ts";

/** Only a program that hangs lives this long, in milliseconds. */
const LIMIT = 60_000;

/** A command that prints the PID of its background process and then times out. */
const GRANDCHILD = {
  program: "sh",
  args: ["-c", "sleep 600 & echo $!; wait"],
  timesOutAfterLine: true,
};

/** Runs a script on a terminal, where Deno asks for a permission that was not granted. Returns what the terminal shows. */
async function shownOnTerminal(
  script: string,
  permissions: readonly string[],
  ...args: string[]
): Promise<string> {
  const line = new Command(PROGRAMS.deno, [
    "run",
    "--quiet",
    "--no-check",
    ...permissions,
    `${ROOT}${script}`,
    ...args,
  ]).commandLine();
  // `script` provides the terminal. A question of Deno's would wait for an answer.
  const onTerminal = new Command("script", ["-qec", line, "/dev/null"])
    .env("NO_COLOR", "1").timeout(LIMIT);
  return (await onTerminal.checked()).combined;
}

/** Waits until a background process has exited, which its command does not do by itself. */
async function untilExited(pid: number): Promise<void> {
  assert(pid > 0);
  await eventually(
    `process ${pid} has exited`,
    async () => !await isAlive(pid),
  );
}

/** Kills a background process, unless it has ended with its terminal. */
async function killLeftover(pid: number): Promise<void> {
  await new Command("kill", ["-9", String(pid)]).exitCode();
}

test("importing the library and describing a run asks for no permission", async () => {
  assertEquals(
    (await shownOnTerminal("tests/fixtures/import_only.ts", [])).trim(),
    "git status",
  );
});

test("Deno asks for a permission on a terminal, so the tests beside this one can fail", async () => {
  const state = new Command(PROGRAMS.deno, [
    "eval",
    "console.log(Deno.permissions.querySync({name:'read'}).state)",
  ]);
  assertStringIncludes(
    await new Command("script", ["-qec", state.commandLine(), "/dev/null"])
      .run(),
    "granted",
  );
  const asking = new Command(PROGRAMS.deno, [
    "run",
    "--quiet",
    "--no-check",
    `${ROOT}tests/fixtures/ask.ts`,
  ]);
  await using live = await new Command("script", [
    "-qec",
    asking.commandLine(),
    "/dev/null",
  ]).start();
  await live.waitForLine((line) => /read access to/.test(line), LIMIT);
});

test("replay needs read permission alone, and never asks for more", async () => {
  await using folder = await temporaryFolder();
  const record = scriptWords("deno", "tests/fixtures/replay.ts");
  const live = await new Command(record.program, [
    ...record.args,
    folder.file("c.json"),
    "record",
  ]).run();
  const shown = await shownOnTerminal(
    "tests/fixtures/replay.ts",
    ["--allow-read"],
    folder.file("c.json"),
    "replay",
  );
  assertEquals(shown.trim(), live);
});

test("with run permission for all programs a timeout ends the whole process group", async () => {
  for (
    const permissions of [["--allow-run"], [
      "--allow-run",
      "--allow-read",
      "--allow-env",
    ], ["-A"]]
  ) {
    const answer = await outcomeIn("deno", GRANDCHILD, permissions);
    assertEquals(answer.outcome, { kind: "timed-out" }, String(permissions));
    await untilExited(Number(answer.stdout));
  }
});

test("with run permission for named programs a timeout ends the direct child alone", async () => {
  const answer = await outcomeIn("deno", GRANDCHILD, ["--allow-run=sh"]);
  assertEquals(answer.outcome, { kind: "timed-out" });
  const grandchild = Number(answer.stdout);
  assert(await isAlive(grandchild));
  await killLeftover(grandchild);
});

test("with run permission for named programs a run asks for no other permission", async () => {
  const shown = await shownOnTerminal("tests/fixtures/outcome.ts", [
    "--allow-run=sh",
  ], JSON.stringify(GRANDCHILD));
  const { outcome, stdout } = JSON.parse(shown);
  assertEquals(outcome, { kind: "timed-out" });
  await killLeftover(Number(stdout));
});

test("a group uses the mechanism that the permissions allow, reports it, and asks for no other permission", async () => {
  const common = {
    ending: "drained",
    outcome: { kind: "signalled", signal: 15 },
  };
  const leftovers = { signalSent: true, ending: "drained" };
  const expected = {
    "--allow-run=sh": {
      ...common,
      strongest: "child",
      mechanism: "child",
      endsWithOwner: false,
      members: 1,
      tellsUsage: false,
      leftovers: null,
    },
    "--allow-run": {
      ...common,
      leftovers,
      strongest: "process-group",
      mechanism: "process-group",
      endsWithOwner: true,
      members: 1,
      tellsUsage: false,
    },
    "-A": {
      ...common,
      leftovers,
      strongest: "cgroup",
      mechanism: "cgroup",
      endsWithOwner: true,
      members: 2,
      tellsUsage: true,
    },
  };
  await Promise.all(
    Object.entries(expected).map(async ([permissions, answer]) => {
      const shown = JSON.parse(
        await shownOnTerminal("tests/fixtures/group.ts", [permissions]),
      );
      assertEquals(shown.answer, answer, permissions);
      // A background process of the command.
      if (answer.mechanism === "child") await killLeftover(shown.pid);
      else await untilExited(shown.pid);
    }),
  );
});

test("a missing program is a NotFoundError with any permissions", async () => {
  const missing = { program: "no-such-program" };
  for (
    const permissions of [["--allow-run"], ["--allow-run=no-such-program"], [
      "-A",
    ]]
  ) {
    const answer = await outcomeIn("deno", missing, permissions);
    assertEquals(answer.error, "NotFoundError", String(permissions));
  }
  const searched = (await outcomeIn("deno", missing, ["-A"])).searched ?? [];
  assert(searched.includes("/usr/bin"));
});

test("a run that is not permitted is a SpawnError that names the permission to grant", async () => {
  const answer = await outcomeIn("deno", { program: "true" }, []);
  assertEquals(answer.error, "SpawnError");
  assertStringIncludes(answer.message ?? "", "--allow-run");
  assertEquals(
    (await outcomeIn("deno", { program: "true" }, ["--allow-run=sh"])).error,
    "SpawnError",
  );
});

test("a variable that may not be read is an UnsupportedError that names the permission to grant", async () => {
  const inherits = { program: "env", inheritEnv: ["HOME"] };
  const refused = await outcomeIn("deno", inherits, ["--allow-run"]);
  assertEquals(refused.error, "UnsupportedError");
  assertStringIncludes(refused.message ?? "", "--allow-env=HOME");
  assertMatch(
    (await outcomeIn("deno", inherits, ["--allow-run", "--allow-env=HOME"]))
      .stdout ?? "",
    /^HOME=/,
  );
  const removes = { program: "true", envRemove: "HOME" };
  const removal = await outcomeIn("deno", removes, ["--allow-run"]);
  assertEquals(removal.error, "UnsupportedError");
  assertStringIncludes(removal.message ?? "", "--allow-env");
  assertEquals(
    (await outcomeIn("deno", removes, ["--allow-run", "--allow-env"])).outcome,
    { kind: "exited", code: 0 },
  );
});

test("a denied program is not started through setsid", async () => {
  const granted = [
    "--allow-run",
    "--deny-run=rm",
    "--allow-read",
    "--allow-env",
  ];
  const denied = await outcomeIn(
    "deno",
    { program: "rm", args: ["--version"] },
    granted,
  );
  assertEquals(denied.error, "SpawnError");
  const answer = await outcomeIn("deno", GRANDCHILD, granted);
  assertEquals(answer.outcome, { kind: "timed-out" });
  await untilExited(Number(answer.stdout));
});

test("a run is contained without setsid where that is denied", async () => {
  const granted = [
    "--allow-run",
    "--deny-run=setsid",
    "--allow-read",
    "--allow-env",
  ];
  const answer = await outcomeIn("deno", GRANDCHILD, granted);
  assertEquals(answer.outcome, { kind: "timed-out" });
  await untilExited(Number(answer.stdout));
});

test("a file for stdout needs permission to write to it, and Deno does not ask for it", async () => {
  await using folder = await temporaryFolder();
  const request = {
    program: "echo",
    args: ["x"],
    stdoutFile: folder.file("out"),
  };
  const granted = await outcomeIn("deno", request, [
    "--allow-run",
    `--allow-write=${folder.path}`,
  ]);
  assertEquals(granted.outcome, { kind: "exited", code: 0 });
  const denied = await outcomeIn("deno", request, ["--allow-run"]);
  assertEquals(denied.error, "SpawnError");
  assertStringIncludes(denied.message!, folder.file("out"));
});

test("a supervisor of a program that may not be run rejects at once, and does not restart it", async () => {
  const supervise = (permissions: readonly string[]) => {
    const { program, args } = scriptWords(
      "deno",
      "tests/fixtures/supervised.ts",
      permissions,
    );
    return new Command(program, args).timeout(LIMIT).run();
  };
  assertEquals(await supervise([]), "SpawnError");
  assertEquals(await supervise(["--allow-run=true"]), "policy");
});

test("the value of a variable that is not UTF-8 is in no error", async () => {
  const { program, args } = scriptWords("deno", "tests/fixtures/outcome.ts");
  const request = JSON.stringify({ program: "true", inheritEnv: ["SECRET"] });
  // A shell passes on any bytes.
  const answer = JSON.parse(
    await sh(
      'SECRET=$(printf "p\\351ss"); export SECRET; exec "$@"',
      program,
      ...args,
      request,
    )
      .run(),
  );
  assertEquals(answer.error, "SpawnError");
  assertEquals(
    answer.message,
    "cannot start `true`: the value of a variable that it inherits is not UTF-8, and Deno cannot pass it on; " +
      "set the variable with env, or leave it out of inheritEnv",
  );
});
