import { checkFunction, checkOptions } from "../../command/checks.ts";
import {
  CassetteError,
  type CassetteErrorReason,
  CassetteMissError,
} from "../../outcome/cassette_errors.ts";
import { JobRunner } from "../../runner/job_runner.ts";
import type { ProcessRunner } from "../../runner/process_runner.ts";
import { runtime } from "../../runtime/detect.ts";
import { cassetteExists } from "../format/cassette_file.ts";
import { textDigest } from "../format/digest.ts";
import {
  type CassetteMode,
  type CassetteOptions,
  checkedMode,
  OPEN_OPTIONS,
} from "../recorder/options.ts";
import {
  disposeReplayed,
  openWithAdvice,
  recordedKeys,
  type RecordReplayRunner,
  requestCountOf,
} from "../recorder/record_replay_runner.ts";
import { cassettePathOf, type TestIdentity } from "./cassette_path.ts";
import { callerLocation, refuseSharedCassette } from "./test_calls.ts";

/** The options of {@linkcode withCassette}. */
export interface WithCassetteOptions<R extends ProcessRunner = JobRunner>
  extends CassetteOptions {
  /**
   * Whether runs are recorded or replayed.
   *
   * @default the value of the variable `PROCESSKIT_CASSETTES`; without it, `"replay"` if `CI` is set, else `"auto"`
   */
  mode?: CassetteMode;
  /**
   * The folder of the cassettes. A relative path is relative to the folder of the test file.
   *
   * @default {"__cassettes__"}
   */
  dir?: string | URL;
  /**
   * The runner that executes commands. A replay does not use it. The default one is disposed
   * of after the test.
   *
   * @default {new JobRunner()}
   */
  inner?: R;
}

/** The body of a test, which gets the runner to use. */
export type CassetteBody<R extends ProcessRunner, T> = (
  runner: RecordReplayRunner<R>,
) => T | Promise<T>;

type Options = WithCassetteOptions<ProcessRunner>;

const OPTIONS: Readonly<Record<keyof Options, true>> = {
  dir: true,
  ...OPEN_OPTIONS,
};

const VARIABLE = "PROCESSKIT_CASSETTES";

/**
 * Runs a test with a runner that has a cassette of its own, and returns the value of `body`.
 * New recordings are saved when `body` returns. If `body` throws, nothing is written.
 *
 * `test` is the context that Deno passes to a test or a step, or
 * `{ name, origin: import.meta.url }`. The path of the cassette, relative to the test file,
 * is `__cassettes__/<test file>/<test name>.json`, or
 * `__cassettes__/<test file>/<test name>/<step name>.json` for a step. A name that is not a
 * valid and unique file name on every system is changed, and a digest of it is appended.
 *
 * Without the option `mode`, the environment variable `PROCESSKIT_CASSETTES` chooses the
 * mode: `record`, `replay`, `auto`, `new-episodes` or `passthrough`. If it is not set, the
 * mode is `"replay"` if `CI` is set (to anything but `false` or `0`), and else `"auto"`. On
 * Deno, a variable is ignored if there is no permission to read it, and no permission is
 * requested: a replay needs only `--allow-read`.
 *
 * If `body` throws during a replay, a note at the end of the error's message names the
 * cassette and tells how to record it again. A failed step of a Deno test does not make
 * the body around it throw, so give each step a cassette of its own.
 *
 * @throws {CassetteError} if the cassette cannot be read or written, a guard refused a run,
 *   or nothing was run with the runner of a new cassette
 * @throws {TypeError} if `test`, an option or the variable is invalid, or another test uses
 *   the same cassette
 * @throws {RangeError} if `speed` is not a number above 0
 * @throws {UnsupportedError} if {@linkcode paths} needs a permission that is missing
 *
 * @example
 * ```ts ignore
 * import { Command, withCassette } from "@processkit/processkit";
 *
 * Deno.test("git tells its version", (t) =>
 *   withCassette(t, async (runner) => {
 *     const version = await runner.run(new Command("git", ["--version"]));
 *     if (!version.startsWith("git version")) throw new Error(version);
 *   }));
 * ```
 */
export function withCassette<T>(
  test: TestIdentity,
  body: CassetteBody<JobRunner, T>,
): Promise<T>;
/** Runs a test with a runner that has a cassette of its own, with these options. */
export function withCassette<T, R extends ProcessRunner = JobRunner>(
  test: TestIdentity,
  options: WithCassetteOptions<R>,
  body: CassetteBody<R, T>,
): Promise<T>;
export async function withCassette(
  test: TestIdentity,
  ...rest: readonly unknown[]
): Promise<unknown> {
  const location = callerLocation();
  const [given = {}] = rest.slice(0, -1);
  const body = rest.at(-1) as CassetteBody<ProcessRunner, unknown>;
  checkFunction("withCassette: the body", body);
  checkOptions("withCassette: the options", given, OPTIONS);
  const { dir, ...options }: Options = given;
  const path = cassettePathOf(test, dir);
  await refuseSharedCassette(path, { test, body: String(body), location });
  const choice = options.mode === undefined
    ? modeOfEnvironment()
    : { mode: options.mode, by: "mode" as const };
  const { mode } = choice;
  await using ownRunner = options.inner === undefined ? new JobRunner() : null;
  const inner = options.inner ?? ownRunner!;
  const runner = await openWithAdvice(
    path,
    { ...options, mode, inner },
    {
      add: `run this test ${withMode("new-episodes", choice)}`,
      all: `run this test ${withMode("record", choice)}`,
    },
  )
    .catch((error: unknown) => {
      const isReplay = mode === "replay" || mode === "auto";
      throw isReplay && error instanceof CassetteError &&
          FIXED_BY_RECORDING.has(error.reason)
        ? withNote(error, noteOnOpening(choice))
        : error;
    });
  let value: unknown;
  try {
    value = await body(runner);
  } catch (error) {
    runner.discard();
    // The message of a miss already tells how to record again.
    const needsNote = !(error instanceof CassetteMissError) &&
      (runner.mode === "replay" ||
        (runner.mode === "new-episodes" && await cassetteExists(path)));
    throw needsNote ? withNote(error, noteOnReplay(path, choice)) : error;
  } finally {
    await disposeReplayed(runner);
  }
  await refuseWithoutRuns(path, runner);
  try {
    await runner.save();
  } catch (error) {
    // Discarded, so that there is no warning about unsaved runs in addition to this error.
    runner.discard();
    throw error;
  }
  if (runner.mode === "record") {
    refuseOtherRecording(path, recordedKeys(runner));
  }
  return value;
}

/**
 * Refuses to record a cassette without any run. A test that runs nothing would always pass.
 *
 * @throws {CassetteError} with the reason `"empty"`
 */
async function refuseWithoutRuns(
  path: string,
  runner: RecordReplayRunner<ProcessRunner>,
): Promise<void> {
  const isNew = runner.mode === "record" ||
    (runner.mode === "new-episodes" && !await cassetteExists(path));
  if (!isNew || requestCountOf(runner) > 0) return;
  throw new CassetteError(
    path,
    "empty",
    "nothing was run with the runner, so there is nothing to record; pass the runner to the code under test",
  );
}

/** The problems of a file that recording it again solves. */
const FIXED_BY_RECORDING: ReadonlySet<CassetteErrorReason> = new Set(
  ["not-found", "invalid-data"] as const,
);

/** For each cassette that this process has recorded, the digest of its commands. */
const recordedCommands = new Map<string, bigint>();

/**
 * Refuses a second recording of a cassette with different commands: it has replaced the
 * recording of another test. The same test may run again, with the same commands.
 */
function refuseOtherRecording(path: string, keys: ReadonlySet<string>): void {
  const commands = textDigest(JSON.stringify([...keys].sort()));
  const previous = recordedCommands.get(path) ?? commands;
  recordedCommands.set(path, commands);
  if (previous === commands) return;
  throw new TypeError(
    `withCassette: ${path} was recorded twice in one process, with different commands: two tests of the file ` +
      "have the same name, or a test that ran again ran other commands. Give each test a unique name (for " +
      "example, put the names of its `describe` blocks in front), and record the tests again",
  );
}

/** A mode, and the option or variable that chose it; `null` for the default. */
interface ModeChoice {
  readonly mode: CassetteMode;
  readonly by: "mode" | typeof VARIABLE | "CI" | null;
}

function modeOfEnvironment(): ModeChoice {
  const { environment } = runtime();
  const chosen = environment.variable(VARIABLE);
  if (chosen) {
    const mode = checkedMode(`the variable ${VARIABLE}`, chosen);
    return { mode, by: VARIABLE };
  }
  const ci = environment.variable("CI");
  return ci && !/^(?:false|0)$/i.test(ci)
    ? { mode: "replay", by: "CI" }
    : { mode: "auto", by: null };
}

/** The note for an error of the body during a replay. */
function noteOnReplay(path: string, choice: ModeChoice): string {
  return `(Recorded commands were replayed from the cassette ${path}, not executed. ` +
    `To record it again, run this test ${withMode("record", choice)}.)`;
}

/** The note for a cassette that could not be opened for a replay. */
function noteOnOpening(choice: ModeChoice): string {
  const { mode, by } = choice;
  const reason = mode === "auto"
    ? "because the file exists"
    : by === "CI"
    ? "because CI is set"
    : `because of the ${by === "mode" ? "option" : "variable"} ${by}`;
  return `(The cassette was opened for replay ${reason}. To record it, run this test ${
    withMode("record", choice)
  }.)`;
}

/** Tells how to run a test in a mode: with the option if it has one, else with the variable. */
function withMode(mode: CassetteMode, { by }: ModeChoice): string {
  if (by === "mode") return `with mode: "${mode}"`;
  return runtime().environment.canReadVariable(VARIABLE)
    ? `with ${VARIABLE}=${mode}`
    : `with ${VARIABLE}=${mode}, and with --allow-env=${VARIABLE}, which is needed to read it`;
}

/**
 * Appends a note to the message of an error. Returns a new error with the note and the
 * `cause` if the message cannot be changed, or the thrown value is not an error.
 */
function withNote(error: unknown, note: string): unknown {
  if (error instanceof Error) {
    const { message, stack } = error;
    if (message.endsWith(note)) return error;
    try {
      error.message = message === "" ? note : `${message}\n\n${note}`;
      // The stack contains the message from the time when the error was created.
      if (stack !== undefined && message !== "") {
        error.stack = stack.replace(message, () => error.message);
      }
      return error;
    } catch {
      // The error is frozen, or its message has no setter.
    }
  }
  return new Error(`${String(error)}\n\n${note}`, { cause: error });
}
