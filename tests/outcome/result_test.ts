import {
  CancelledError,
  CassetteError,
  CassetteMissError,
  ExitError,
  isNotFound,
  isProcessKitError,
  NotFoundError,
  NotReadyError,
  OutputTooLargeError,
  ParseError,
  ProcessKitError,
  ProcessResult,
  SignalledError,
  SpawnError,
  StdinConsumedError,
  StdinError,
  TimeoutError,
  UnsupportedError,
} from "../../mod.ts";
import { test } from "../harness.ts";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertThrows,
} from "../std.ts";

const run = {
  program: "git",
  stdout: "out\n",
  stderr: "warning\nfatal: no repository\n",
};

function resultOf(
  fields: Partial<ConstructorParameters<typeof ProcessResult<string>>[0]> = {},
) {
  return new ProcessResult<string>({
    ...run,
    outcome: { kind: "exited", code: 0 },
    ...fields,
  });
}

test("a result has its outcome as code, signal, timedOut and success", () => {
  const exit = resultOf({ outcome: { kind: "exited", code: 7 } });
  assertEquals([exit.code, exit.signal, exit.timedOut, exit.success], [
    7,
    null,
    false,
    false,
  ]);
  const killed = resultOf({ outcome: { kind: "signalled", signal: 9 } });
  assertEquals([killed.code, killed.signal, killed.timedOut, killed.success], [
    null,
    9,
    false,
    false,
  ]);
  const late = resultOf({ outcome: { kind: "timed-out" } });
  assertEquals([late.code, late.signal, late.timedOut, late.success], [
    null,
    null,
    true,
    false,
  ]);
});

test("okCodes decide which exit codes are a success", () => {
  assert(
    resultOf({ outcome: { kind: "exited", code: 1 }, okCodes: [0, 1] }).success,
  );
  assert(
    !resultOf({ outcome: { kind: "exited", code: 0 }, okCodes: [1] }).success,
  );
  assert(
    !resultOf({ outcome: { kind: "timed-out" }, okCodes: [0, 137] }).success,
  );
});

test("the diagnostic is stderr, or stdout if stderr is blank", () => {
  assertEquals(resultOf().diagnostic, run.stderr);
  assertEquals(resultOf({ stderr: " \n" }).diagnostic, "out\n");
  assertEquals(resultOf().combined, "out\nwarning\nfatal: no repository\n");
  const bytes = new ProcessResult({
    ...run,
    stdout: new Uint8Array([0x68, 0xff]),
    stderr: "",
    outcome: { kind: "exited", code: 0 },
  });
  assertEquals(bytes.diagnostic, "h\ufffd");
});

test("deep equality of results ignores their durations and the errors of handlers", () => {
  assertEquals(
    resultOf({ duration: 5, handlerErrors: ["x"] }),
    resultOf({ duration: 7 }),
  );
  assertThrows(
    () => assertEquals(resultOf(), resultOf({ stdout: "other" })),
    Error,
  );
  assertThrows(
    () => assertEquals(resultOf(), resultOf({ configuredTimeout: 3 })),
    Error,
  );
  assertEquals(resultOf({ duration: 5 }).duration(), 5);
  assertEquals(resultOf({ handlerErrors: ["x"] }).handlerErrors(), ["x"]);
});

test("ensureSuccess returns a successful result, and throws the matching error for any other", () => {
  const good = resultOf();
  assert(good.ensureSuccess() === good);
  const exit = assertThrows(
    () => resultOf({ outcome: { kind: "exited", code: 128 } }).ensureSuccess(),
    ExitError,
  );
  assertEquals(
    exit.message,
    "`git` exited with code 128\nstderr:\n  warning\n  fatal: no repository",
  );
  assertEquals([exit.kind, exit.program, exit.code, exit.stdout, exit.stderr], [
    "exit",
    "git",
    128,
    run.stdout,
    run.stderr,
  ]);
  const killed = assertThrows(
    () =>
      resultOf({ outcome: { kind: "signalled", signal: null } })
        .ensureSuccess(),
    SignalledError,
  );
  assertEquals([killed.kind, killed.signal], ["signalled", null]);
  const late = assertThrows(
    () =>
      resultOf({ outcome: { kind: "timed-out" }, configuredTimeout: 50 })
        .ensureSuccess(),
    TimeoutError,
  );
  assertEquals([late.kind, late.timeout, late.stdout], [
    "timeout",
    50,
    run.stdout,
  ]);
});

test("every error has its kind and its name, and isNotFound holds for NotFoundError alone", () => {
  const cause = new Error("why");
  const errors: [ProcessKitError, string][] = [
    [new NotFoundError("x", ["/bin"], { cause }), "not-found"],
    [new SpawnError("x", "reason", { cause }), "spawn"],
    [new StdinError("x", cause), "stdin"],
    [new StdinConsumedError("x"), "stdin-consumed"],
    [new ExitError(run, 1), "exit"],
    [new SignalledError(run, 9), "signalled"],
    [new TimeoutError(run, 1), "timeout"],
    [new CancelledError("x", cause), "cancelled"],
    [new CassetteMissError("x", "c.json", "x"), "cassette-miss"],
    [new CassetteError("c.json", "not-found", "gone"), "cassette"],
    [new UnsupportedError("this", "use that"), "unsupported"],
    [new OutputTooLargeError("x", "problem"), "output-too-large"],
    [new NotReadyError("x", "the port is closed"), "not-ready"],
    [new ParseError("x", "{", cause), "parse"],
  ];
  for (const [error, kind] of errors) {
    assertEquals<string>(error.kind, kind);
    assertEquals(error.name, error.constructor.name);
    assertInstanceOf(error, ProcessKitError);
    assertInstanceOf(error, Error);
    assertEquals(isNotFound(error), kind === "not-found");
  }
  assert(
    !isNotFound(
      Object.assign(new Error("no"), { code: "ENOENT", kind: "not-found" }),
    ),
  );
  assertEquals(new StdinError("x", cause).cause, cause);
  assert(!("cause" in new SpawnError("x", "reason")));
});

test("a switch over the kind of an error gives access to its own fields", () => {
  const described = (error: unknown): string => {
    if (!isProcessKitError(error)) return "other";
    switch (error.kind) {
      case "exit":
        return `code ${error.code}`;
      case "not-found":
        return error.searched.join(":");
      case "cassette":
        return error.reason;
      case "timeout":
        return `${error.timeout} ms`;
      default:
        return error.kind;
    }
  };
  assertEquals(described(new ExitError(run, 3)), "code 3");
  assertEquals(described(new NotFoundError("x", ["/a", "/b"])), "/a:/b");
  assertEquals(described(new ParseError("x", "", null)), "parse");
  assertEquals(described(new Error("x")), "other");
});
