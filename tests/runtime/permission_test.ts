// What Deno's permissions allow, seen from outside: in a Deno of its own, whichever
// runtime the suite is running in.

import { Command } from "../../mod.ts";
import { isAlive, temporaryFolder, test } from "../harness.ts";
import { outcomeIn, PROGRAMS, ROOT, scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "../std.ts";

const GRANDCHILD = {
  program: "sh",
  args: ["-c", "sleep 5 & echo $!; wait"],
  timeout: 400,
};

/** Runs a script on a terminal, where Deno would ask for what was not granted; all that is shown. */
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
  // `script` gives it a terminal; that a question would hang is what the timeout is for.
  return (await new Command("script", ["-qec", line, "/dev/null"]).env(
    "NO_COLOR",
    "1",
  ).timeout(30_000).checked())
    .combined;
}

test("importing the library and describing a run asks for nothing", async () => {
  assertEquals(
    (await shownOnTerminal("tests/fixtures/import_only.ts", [])).trim(),
    "git status",
  );
});

test("a terminal is where Deno asks: the means of the tests beside this one work", async () => {
  const line = new Command(PROGRAMS.deno, [
    "eval",
    "console.log(Deno.permissions.querySync({name:'read'}).state)",
  ]);
  assertStringIncludes(
    await new Command("script", ["-qec", line.commandLine(), "/dev/null"])
      .run(),
    "granted",
  );
  const asked = new Command(PROGRAMS.deno, [
    "run",
    "--quiet",
    "--no-check",
    `${ROOT}tests/fixtures/ask.ts`,
  ]);
  const shown = await new Command("script", [
    "-qec",
    asked.commandLine(),
    "/dev/null",
  ]).timeout(3000).outputString();
  assertMatch(shown.stdout, /read access to/);
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

test("with full run permission the whole group ends, whether or not the program can be looked up", async () => {
  for (
    const permissions of [["--allow-run"], [
      "--allow-run",
      "--allow-read",
      "--allow-env",
    ], ["-A"]]
  ) {
    const answer = await outcomeIn("deno", GRANDCHILD, permissions);
    assertEquals(answer.outcome, { kind: "timed-out" }, String(permissions));
    assert(!await isAlive(Number(answer.stdout)), String(permissions));
  }
});

test("with run permission for named programs the direct child is ended, and the rest is not", async () => {
  const answer = await outcomeIn("deno", GRANDCHILD, ["--allow-run=sh"]);
  assertEquals(answer.outcome, { kind: "timed-out" });
  const grandchild = answer.stdout?.trim() ?? "";
  assert(await isAlive(Number(grandchild)));
  await new Command("kill", ["-9", grandchild]).run();
});

test("with run permission for named programs nothing is asked for", async () => {
  const shown = await shownOnTerminal("tests/fixtures/outcome.ts", [
    "--allow-run=sh",
  ], JSON.stringify(GRANDCHILD));
  assertEquals(JSON.parse(shown).outcome, { kind: "timed-out" });
});

test("a group is what permissions allow, says so, and nothing is asked for", async () => {
  const answers: Record<string, unknown> = {};
  for (const permissions of ["--allow-run=sh", "--allow-run", "-A"]) {
    const shown = await shownOnTerminal("tests/fixtures/group.ts", [
      permissions,
    ]);
    answers[permissions] = JSON.parse(shown);
  }
  const common = {
    ending: "drained",
    outcome: { kind: "signalled", signal: 15 },
  };
  const leftovers = { signalSent: true, ending: "drained" };
  assertEquals(answers, {
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
  });
});

test("a missing program is itself with any permissions", async () => {
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

test("a run that is not permitted is SpawnError, and says what to grant", async () => {
  const answer = await outcomeIn("deno", { program: "true" }, []);
  assertEquals(answer.error, "SpawnError");
  assertStringIncludes(answer.message ?? "", "--allow-run");
  assertEquals(
    (await outcomeIn("deno", { program: "true" }, ["--allow-run=sh"])).error,
    "SpawnError",
  );
});

test("a variable that may not be read is UnsupportedError, and says what to grant", async () => {
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

test("a program that Deno was told to deny is not started by way of another", async () => {
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
  assert(!await isAlive(Number(answer.stdout)));
});

test("where setsid is denied, a run is contained without it", async () => {
  const granted = [
    "--allow-run",
    "--deny-run=setsid",
    "--allow-read",
    "--allow-env",
  ];
  const answer = await outcomeIn("deno", GRANDCHILD, granted);
  assertEquals(answer.outcome, { kind: "timed-out" });
  assert(!await isAlive(Number(answer.stdout)));
});

test("a file for a child's output takes the permission to write to it, and nobody is asked", async () => {
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
