import {
  mkdir,
  readFile,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import {
  Cassette,
  CassetteError,
  CassetteMissError,
  Command,
  isNotFound,
  RecordReplayRunner,
  Stdin,
} from "../../mod.ts";
import { failureOf, sh } from "../commands.ts";
import { temporaryFolder, test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "../std.ts";

const MINIMAL = '{"program":"x","args":[],"stdout":"","stderr":""}';

/** The text of a cassette with one minimal entry, to which `fields` are added. */
function withFields(fields: string): string {
  return `{"version":1,"entries":[${MINIMAL.slice(0, -1)},${fields}}]}`;
}

/** The error that loading a cassette throws. Loading a FIFO or a device must not hang. */
async function loadFailure(path: string): Promise<CassetteError> {
  const error = await failureOf(RecordReplayRunner.replay(path));
  assertInstanceOf(error, CassetteError, `${error}`);
  assertStringIncludes(error.message, path);
  assertEquals(error.path, path);
  assert(!isNotFound(error));
  return error;
}

test("an invalid cassette is refused with the reason, the path and the place", async () => {
  await using folder = await temporaryFolder();
  const path = folder.file("c.json");
  const cases: [string | Uint8Array, string][] = [
    ["", "empty"],
    ["{ not json", "not JSON"],
    ["\ufeff" + withFields('"code":0'), "byte-order mark"],
    [new Uint8Array([0x7b, 0xff, 0x7d]), "not UTF-8"],
    [new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), "not UTF-8"],
    ["[]", "expected an object, got an array"],
    ["null", "expected an object, got null"],
    ["{}", "version: the field is missing"],
    [
      '{"version":99,"entries":[]}',
      "found version 99, but this library reads only version 1",
    ],
    ['{"version":"1","entries":[]}', 'found version "1"'],
    ['{"version":1}', "entries: the field is missing"],
    ['{"version":1,"entries":{}}', "entries: expected an array, got an object"],
    [
      '{"version":1,"entries":[[]]}',
      "entries[0]: expected an object, got an array",
    ],
    [
      `{"version":1,"entries":[${MINIMAL},3]}`,
      "entries[1]: expected an object, got 3",
    ],
    [
      '{"version":1,"entries":[{"program":"x","args":[],"stdout":""}]}',
      "entries[0].stderr: the field is missing",
    ],
    [
      '{"version":1,"entries":[{"args":[],"stdout":"","stderr":""}]}',
      "entries[0].program: the field is missing",
    ],
    [
      withFields('"args":["a",3]'),
      "entries[0].args[1]: expected a string, got 3",
    ],
    [
      withFields('"args":"a"'),
      'entries[0].args: expected an array of strings, got "a"',
    ],
    [withFields('"code":"0"'), 'entries[0].code: expected an integer, got "0"'],
    [withFields('"code":3.5'), "entries[0].code: expected an integer, got 3.5"],
    [
      withFields('"code":2147483648'),
      "entries[0].code: expected a 32-bit integer, got 2147483648",
    ],
    [
      withFields('"signal":-2147483649'),
      "entries[0].signal: expected a 32-bit integer, got -2147483649",
    ],
    [
      withFields('"timed_out":1'),
      "entries[0].timed_out: expected true or false, got 1",
    ],
    [
      withFields('"timed_out":null'),
      "entries[0].timed_out: expected true or false, got null",
    ],
    [withFields('"has_stdin":"yes"'), "entries[0].has_stdin"],
    [
      withFields('"env_names":[null]'),
      "entries[0].env_names[0]: expected a string, got null",
    ],
    [withFields('"cwd":7'), "entries[0].cwd: expected a string, got 7"],
    [
      withFields('"stdout":null'),
      "entries[0].stdout: expected a string, got null",
    ],
    [withFields('"stdin_digest":-1'), "entries[0].stdin_digest"],
    [withFields('"stdin_digest":1.5'), "entries[0].stdin_digest"],
    [
      withFields('"stdin_digest":18446744073709551616'),
      "got 18446744073709551616",
    ],
    [
      withFields('"stdin_digest":"1"'),
      "entries[0].stdin_digest: expected an integer from 0 to",
    ],
    [
      withFields('"code":0,"signal":9'),
      'entries[0] (x): "code" and "signal" are both set; remove one',
    ],
    [
      withFields('"code":1,"timed_out":true'),
      '"code" and "timed_out" are both set; remove one',
    ],
    [
      withFields('"signal":9,"timed_out":true'),
      '"timed_out" and "signal" are both set; remove one',
    ],
    [
      withFields('"code":0,"timed_out":true,"signal":9'),
      '"code", "timed_out", "signal" are all set; keep one',
    ],
    [
      withFields('"code":0,"signal":9,"unknown":{"a":[1.0]}'),
      '"code" and "signal" are both set; remove one',
    ],
    [
      withFields('"code":3.5,"unknown":1.0'),
      "entries[0].code: expected an integer, got 3.5",
    ],
  ];
  for (const [content, problem] of cases) {
    await writeFile(path, content);
    const error = await loadFailure(path);
    assertEquals(error.reason, "invalid-data", `${content}`);
    assertStringIncludes(error.message, problem);
  }
});

test("a cassette with a too deeply nested unknown field is refused", async () => {
  await using folder = await temporaryFolder();
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  await writeFile(
    folder.file("c.json"),
    withFields(`"code":0,"unknown":${deep}`),
  );
  assertEquals(
    (await loadFailure(folder.file("c.json"))).reason,
    "invalid-data",
  );
});

test("an error quotes only the beginning of a long value", async () => {
  await using folder = await temporaryFolder();
  await writeFile(
    folder.file("c.json"),
    withFields(`"code":"${"secret ".repeat(1000)}"`),
  );
  assert((await loadFailure(folder.file("c.json"))).message.length < 300);
});

test("a missing file, a folder, a FIFO and a device are refused, each with its reason", async () => {
  await using folder = await temporaryFolder();
  assertEquals(
    (await loadFailure(folder.file("missing.json"))).reason,
    "not-found",
  );
  assertEquals(
    (await loadFailure(folder.file("no/folder/c.json"))).reason,
    "not-found",
  );
  assertEquals((await loadFailure(folder.path)).reason, "not-a-file");
  await sh('mkfifo "$1"', folder.file("fifo")).run();
  assertEquals((await loadFailure(folder.file("fifo"))).reason, "not-a-file");
  assertEquals((await loadFailure("/dev/zero")).reason, "not-a-file");
});

test("a file of more than 64 MiB is refused before it is read, and the error tells both sizes", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("c.json"), "");
  await truncate(folder.file("c.json"), 64 * 1024 * 1024 + 1);
  const error = await loadFailure(folder.file("c.json"));
  assertEquals(error.reason, "too-large");
  assertStringIncludes(error.message, "67108865");
  assertStringIncludes(error.message, "67108864");
});

test("a symbolic link to a cassette is read", async () => {
  await using folder = await temporaryFolder();
  await writeFile(folder.file("real.json"), withFields('"code":0'));
  await symlink(folder.file("real.json"), folder.file("link.json"));
  const replayer = await RecordReplayRunner.replay(
    new URL(`file://${folder.file("link.json")}`),
  );
  assertEquals(await replayer.exitCode(new Command("x")), 0);
});

test("minimal entries load: with only a signal, and without any outcome", async () => {
  await using folder = await temporaryFolder();
  const outcomes: [string, unknown][] = [
    ['"signal":9', { kind: "signalled", signal: 9 }],
    ['"has_stdin":false', { kind: "signalled", signal: null }],
    ['"code":null,"cwd":null,"stdin_digest":null,"signal":null', {
      kind: "signalled",
      signal: null,
    }],
    ['"timed_out":true', { kind: "timed-out" }],
    ['"code":-2147483648,"timed_out":false', {
      kind: "exited",
      code: -2147483648,
    }],
  ];
  for (const [fields, outcome] of outcomes) {
    await writeFile(folder.file("c.json"), withFields(fields));
    const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
    assertEquals(
      (await replayer.outputString(new Command("x"))).outcome,
      outcome,
    );
  }
});

test("unknown fields have no effect on a replay", async () => {
  await using folder = await temporaryFolder();
  await writeFile(
    folder.file("c.json"),
    `{"$schema":"s","version":1,"entries":[{"__proto__":{"code":3},"recorded":{"at":1.0},${
      MINIMAL.slice(1, -1)
    },"code":0}]}`,
  );
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  assertEquals((await replayer.outputString(new Command("x"))).code, 0);
});

test("an entry with stdin but without a digest matches no command", async () => {
  await using folder = await temporaryFolder();
  await writeFile(
    folder.file("c.json"),
    withFields('"has_stdin":true,"code":0'),
  );
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  for (
    const command of [
      new Command("x"),
      new Command("x").stdin(""),
      new Command("x").stdin("a"),
    ]
  ) {
    assertInstanceOf(await failureOf(replayer.run(command)), CassetteMissError);
  }
});

test("every stdin source has the digest that the format specifies", async () => {
  await using folder = await temporaryFolder();
  const sources: [Stdin, string][] = [
    [Stdin.fromString(""), "12638152016183539244"],
    [Stdin.fromString("A"), "589798960959912759"],
    [Stdin.fromString("B"), "589800060471540970"],
    [Stdin.fromString("héllo\n"), "14424393999178775153"],
    [Stdin.fromLines(["a", "b"]), "12436098566958161327"],
    [Stdin.fromString("a\nb\n"), "12436098566958161327"],
    [Stdin.fromBytes(new Uint8Array([0, 255, 128])), "12347098277782331379"],
    [Stdin.fromFile("input.txt"), "18069785518346146941"],
    [Stdin.fromString("input.txt"), "13730718641074592278"],
    [Stdin.fromString("a".repeat(1 << 20)), "17341372157253498412"],
  ];
  const entries = sources.map(([, digest], index) =>
    `{"program":"x","args":["${index}"],"stdin_digest":${digest},"has_stdin":true,"stdout":"","stderr":"","code":${index}}`
  );
  await writeFile(
    folder.file("c.json"),
    `{"version":1,"entries":[${entries}]}`,
  );
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  for (const [index, [source]] of sources.entries()) {
    assertEquals(
      await replayer.exitCode(new Command("x", [String(index)]).stdin(source)),
      index,
    );
  }
});

test("reading and writing a cassette keeps every digest and every unknown field to the byte", async () => {
  await using folder = await temporaryFolder();
  const texts = ["0", "9007199254740993", "18446744073709551615"].flatMap((
    digest,
  ) => [entryText(digest, ""), entryText(digest, UNKNOWN)]);
  texts.push(`{
  "$schema": "https://example.com/cassette",
  "version": 1,
  "made": {
    "stdin_digest": 9007199254740993,
    "by": "hand"
  },
  "entries": [],
  "after": 1.50
}`);
  for (const text of texts) {
    await writeFile(folder.file("c.json"), text);
    const cassette = await Cassette.read(folder.file("c.json"));
    await mkdir(folder.file("out"), { recursive: true });
    await cassette.write(folder.file("out/c.json"));
    assertEquals(await readFile(folder.file("out/c.json"), "utf8"), text);
    assertEquals(cassette.toString(), text);
  }
});

const UNKNOWN = `
      "__proto__": {
        "stdin_digest": 18446744073709551615
      },
      "recorded_at": 1.0,
      "big": 123456789012345678901234567890,
      "small": -0.0000001e-7,
      "deep": [
        [
          {
            "stdin_digest": 9007199254740995
          }
        ]
      ],`;

function entryText(digest: string, unknown: string): string {
  return `{
  "version": 1,
  "entries": [
    {
      "program": "\\"stdin_digest\\": 17",
      "args": [
        "stdin_digest",
        "\\\\\\"stdin_digest\\":5"
      ],${unknown}
      "stdin_digest": ${digest},
      "has_stdin": true,
      "stdout": "\\"stdin_digest\\": 12, \\\\",
      "stderr": "",
      "code": 0
    }
  ]
}`;
}

test("a digest is read exactly, however its field name is written", () => {
  const written = [
    withFields('"stdin_digest":18446744073709551615,"has_stdin":true'),
    withFields('"stdin_digest" \n : \t18446744073709551615 ,"has_stdin":true'),
    withFields('"stdin\\u005fdigest":18446744073709551615,"has_stdin":true'),
    withFields(
      '"stdin_digest":18446744073709551614,"stdin_digest":18446744073709551615',
    ),
    withFields(
      '"x":{"stdin_digest":18446744073709551614},"stdin\\u005fdigest":18446744073709551615',
    ),
  ];
  // Text that looks like the field name, beside an escaped field name.
  written.push(
    withFields(
      '"stdin\\u005fdigest":18446744073709551615,"stdout":"\\"stdin_digest\\": 18446744073709551614 "',
    ),
    withFields(
      '"stdin\\u005fdigest":18446744073709551615,"x\\"stdin_digest": 18446744073709551614',
    ),
  );
  for (const text of written) {
    assertEquals(
      Cassette.parse(text).entries[0].stdinDigest,
      18446744073709551615n,
      text,
    );
  }
});

test("entries that are copied to another cassette keep their unknown fields", () => {
  const cassette = Cassette.parse(entryText("7", UNKNOWN));
  assertEquals(
    new Cassette([...cassette.entries]).toString(),
    entryText("7", UNKNOWN),
  );
  assert(Object.isFrozen(cassette.entries[0]));
});

test("an entry is plain data with a value for every field", () => {
  const [entry] =
    Cassette.parse(withFields('"stdin_digest":5,"has_stdin":true,"code":3'))
      .entries;
  assertEquals(entry, {
    program: "x",
    args: [],
    cwd: null,
    stdinDigest: 5n,
    hasStdin: true,
    envNames: [],
    stdout: "",
    stderr: "",
    code: 3,
    timedOut: false,
    signal: null,
  });
});

test("a lone surrogate in a file matches the same one in a command", async () => {
  await using folder = await temporaryFolder();
  await writeFile(
    folder.file("c.json"),
    withFields('"args":["\\ud800 \\ud83d\\ude00"],"code":4'),
  );
  const replayer = await RecordReplayRunner.replay(folder.file("c.json"));
  assertEquals(
    await replayer.exitCode(new Command("x", ["\ud800 \u{1f600}"])),
    4,
  );
});
