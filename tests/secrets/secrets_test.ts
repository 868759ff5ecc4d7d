import { readdir, readFile } from "node:fs/promises";
import {
  CassetteError,
  Command,
  RecordReplayRunner,
  redactPattern,
  Reply,
  ScriptedRunner,
} from "../../mod.ts";
import { secretsGuard } from "../../src/secrets/secrets.ts";
import { failureOf } from "../commands.ts";
import { runtimeName, temporaryFolder, test } from "../harness.ts";
import { ROOT, scriptWords } from "../runtimes.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
  join,
} from "../std.ts";

/** Texts that look like credentials. They are split so that this file contains none. */
const CREDENTIALS: Readonly<Record<string, string>> = {
  "AWS key": `AKIA${"QYLPMN5HHHFPZAM2"}`,
  "AWS secret":
    `aws_secret_access_key = ${"wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKE"}`,
  "GitHub token": `ghp_${"wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"}`,
  "Slack token": `xoxb-${"123456789012-123456789012-abcdefghijklmnopqrstuvwx"}`,
  "npm token": `//registry.npmjs.org/:_authToken=npm_${"a".repeat(36)}`,
  "private key": `-----BEGIN RSA ${"PRIVATE KEY"}-----\n${
    "MIIEpAIBAAKCAQEAwzoEVwUYQd3Mhz0E3yk6mX5Ue1vjz7Jx1mSg0YxJ".repeat(4)
  }\n-----END RSA ${"PRIVATE KEY"}-----`,
  "password in a URL": `https://user:${"pa55w0rd"}@example.com/`,
};

/** Records a run, guarded by {@linkcode secretsGuard}, and returns the error, or `null` if the run was saved. */
async function refusalOf(
  path: string,
  command: Command,
  reply: Reply,
  redact?: RegExp,
): Promise<CassetteError | null> {
  try {
    await RecordReplayRunner.recording(
      path,
      new ScriptedRunner().fallback(reply),
      (runner) => runner.run(command),
      {
        guard: secretsGuard(),
        redact: redact === undefined ? [] : redactPattern(redact),
      },
    );
    return null;
  } catch (error) {
    assertInstanceOf(error, CassetteError, String(error));
    assertEquals(error.reason, "refused");
    return error;
  }
}

test("secretsGuard refuses a credential in any field, and its error does not contain it", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const tool = new Command("tool");
  for (const [name, secret] of Object.entries(CREDENTIALS)) {
    const text = `before ${secret} after\n`;
    const cases: [string, Command, Reply][] = [
      ["stdout", tool, Reply.ok(text)],
      ["stderr", tool, Reply.ok().withStderr(text)],
      ["args", tool.arg(text), Reply.ok()],
      ["cwd", tool.cwd(`/dir/${text}`), Reply.ok()],
    ];
    for (const [field, command, reply] of cases) {
      const error = await refusalOf(path, command, reply);
      assert(error !== null, `${name} in ${field}`);
      assertStringIncludes(error.message, `entries[0] (tool), ${field}`);
      assertStringIncludes(error.message, "secretlint-rule-");
      const printed = `${error.stack} ${JSON.stringify(error)} ${error.cause}`;
      assert(!printed.includes(secret.slice(-12)), name);
    }
  }
  assertEquals(await readdir(folder.path), []);
});

test("secretsGuard accepts ordinary output", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const harmless = [
    "commit 2f1c7d0b9a0e4d7f8c6b5a4938271605f4e3d2c1\nAuthor: A <a@example.com>\n",
    "https://example.com/path?token=x and git@github.com:a/b.git",
    "sha512-/Bofl3ZBh2Q4/PG0W63qFzP5vDAypi8Zc90UWTBzaDNIYiX7apPOd0N6L8hG8CojUdq4V51adu8BObP+iVsSTw==",
    "",
  ];
  for (const text of harmless) {
    assertEquals(
      await refusalOf(path, new Command("tool"), Reply.ok(text)),
      null,
    );
  }
});

test("secretsGuard accepts a redacted credential, and ignores a comment that disables secretlint", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const text = `key ${CREDENTIALS["GitHub token"]}\n`;
  const tool = new Command("tool");
  assertEquals(await refusalOf(path, tool, Reply.ok(text), /ghp_\w+/), null);
  const commented = `// secretlint-disable\n${text}/* secretlint-disable */\n`;
  assert(await refusalOf(path, tool, Reply.ok(commented)) !== null);
});

test("secretsGuard finds a credential that is split into two arguments", async () => {
  await using folder = await temporaryFolder();
  const error = await refusalOf(
    folder.file("c.json"),
    new Command("aws", [
      "aws_secret_access_key",
      "=",
      CREDENTIALS["AWS secret"].slice(-40),
    ]),
    Reply.ok(),
  );
  assert(error !== null);
});

test("mod.ts does not import the rules, and a replay with secretsGuard does not load them", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const face = await readFile(join(ROOT, "mod.ts"), "utf8");
  assert(!face.includes("secrets"));
  await refusalOf(path, new Command("tool"), Reply.ok("recorded\n"));
  // On Deno the process may read the cassette only, and so could not load the rules.
  const { program, args } = scriptWords(
    runtimeName,
    "tests/fixtures/replay_guarded.ts",
    [`--allow-read=${path}`],
  );
  assertEquals(
    await new Command(program, [...args, path]).run(),
    "recorded",
  );
  const failed = await failureOf(
    new Command(program, [...args, `${path}.missing`]).run(),
  );
  assertStringIncludes(String(failed), "exit");
});
