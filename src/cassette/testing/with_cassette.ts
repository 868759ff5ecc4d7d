import { checkFunction, checkOptions } from "../../command/checks.ts";
import {
  CassetteError,
  type CassetteErrorReason,
  CassetteMissError,
} from "../../outcome/cassette_errors.ts";
import { JobRunner } from "../../runner/job_runner.ts";
import type { ProcessRunner } from "../../runner/process_runner.ts";
import { runtime } from "../../runtime/detect.ts";
import { textDigest } from "../format/digest.ts";
import { cassetteExists } from "../format/cassette_file.ts";
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

/** How {@linkcode withCassette} records and replays. */
export interface WithCassetteOptions<R extends ProcessRunner = JobRunner>
  extends CassetteOptions {
  /**
   * Whether runs are recorded or replayed.
   *
   * @default what the variable `PROCESSKIT_CASSETTES` says; else `"replay"` where `CI` is set; else `"auto"`
   */
  mode?: CassetteMode;
  /**
   * The folder of the cassettes, in place of `__cassettes__` beside the test. A relative
   * one is relative to the test's own folder.
   *
   * @default {"__cassettes__"}
   */
  dir?: string | URL;
  /**
   * What runs the real thing.
   *
   * @default {new JobRunner()}
   */
  inner?: R;
}

/** What a test does with its cassette. */
export type CassetteBody<R extends ProcessRunner, T> = (
  runner: RecordReplayRunner<R>,
) => T | Promise<T>;

type Options = WithCassetteOptions<ProcessRunner>;

const FIXTURE_OPTIONS: Readonly<Record<keyof Options, true>> = {
  dir: true,
  ...OPEN_OPTIONS,
};

const VARIABLE = "PROCESSKIT_CASSETTES";

/**
 * Gives a test a runner with a cassette of its own, and saves what it recorded when
 * `body` returns; what `body` returned is returned. A body that throws, or rejects,
 * writes nothing.
 *
 * `test` is the context that Deno gives a test, or a step of one, or
 * `{ name, origin: import.meta.url }`. The cassette is
 * `__cassettes__/<test file>/<test name>.json`, beside the test; of a step,
 * `__cassettes__/<test file>/<test name>/<step name>.json`. A name that cannot be a
 * file's on every system is changed, and gets a digest of what it was.
 *
 * Without a `mode`, the variable `PROCESSKIT_CASSETTES` counts (`record`, `replay`,
 * `auto`, `new-episodes` or `passthrough`); else it is `"replay"` where `CI` is set, and
 * `"auto"` elsewhere. On Deno neither variable is looked at without permission, and none
 * is asked for: a replay needs `--allow-read` alone.
 *
 * What a body throws while a cassette is playing tells so at the end of its message. A
 * step of Deno's that fails does not make the body around it throw: give each step a
 * cassette of its own.
 *
 * @throws {CassetteError} if the cassette cannot be read or written, or a guard refused a run
 * @throws {TypeError} if the test has no name or file, an option or the variable is not what it has to be, or another
 *   test has recorded the same cassette
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
/** Gives a test a runner with a cassette of its own, recorded and replayed as the options say. */
export function withCassette<T, R extends ProcessRunner = JobRunner>(
  test: TestIdentity,
  options: WithCassetteOptions<R>,
  body: CassetteBody<R, T>,
): Promise<T>;
export async function withCassette(
  test: TestIdentity,
  ...rest: readonly unknown[]
): Promise<unknown> {
  const place = callerLocation();
  const [given = {}] = rest.slice(0, -1);
  const body = rest.at(-1) as CassetteBody<ProcessRunner, unknown>;
  checkFunction("withCassette: the body", body);
  checkOptions("withCassette: the options", given, FIXTURE_OPTIONS);
  const { dir, ...own }: Options = given;
  const path = cassettePathOf(test, dir);
  await refuseSharedCassette(path, { test, body: String(body), place });
  const choice = own.mode === undefined
    ? modeOfEnvironment()
    : { mode: own.mode, by: "mode" as const };
  const { mode } = choice;
  await using owned = own.inner === undefined ? new JobRunner() : null;
  const inner = own.inner ?? owned!;
  const runner = await openWithAdvice(
    path,
    { ...own, mode, inner },
    {
      add: `run this test ${running("new-episodes", choice)}`,
      all: `run this test ${recording(choice)}`,
    },
  )
    .catch((error: unknown) => {
      const isToPlay = mode === "replay" || mode === "auto";
      throw isToPlay && error instanceof CassetteError &&
          MENDED_BY_RECORDING.has(error.reason)
        ? withNote(error, noteOnReplay(choice))
        : error;
    });
  let value: unknown;
  try {
    value = await body(runner);
  } catch (error) {
    runner.discard();
    // A miss says by itself how to record again.
    const isPlaying = !(error instanceof CassetteMissError) &&
      (runner.mode === "replay" ||
        (runner.mode === "new-episodes" && await cassetteExists(path)));
    throw isPlaying ? withNote(error, noteOnPlaying(path, choice)) : error;
  } finally {
    await disposeReplayed(runner);
  }
  await refuseWithoutRuns(path, runner);
  try {
    await runner.save();
  } catch (error) {
    // The error tells that they are not saved: no warning has to, at the end of the program.
    runner.discard();
    throw error;
  }
  if (runner.mode === "record") checkIsAlone(path, recordedKeys(runner));
  return value;
}

/**
 * Refuses to record a cassette without any run: it would pass for ever, and test nothing.
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
    "no run went through the runner, so there is nothing to record; was the code under test given the runner?",
  );
}

/** What is wrong with a file that a new one has not. */
const MENDED_BY_RECORDING: ReadonlySet<CassetteErrorReason> = new Set(
  ["not-found", "invalid-data"] as const,
);

/** What this program has recorded anew, by the path of the cassette: a digest of the commands. */
const recordedHere = new Map<string, bigint>();

/** Refuses a second test that has the cassette of another one: what that recorded is gone. */
function checkIsAlone(path: string, keys: ReadonlySet<string>): void {
  const commands = textDigest(JSON.stringify([...keys].sort()));
  const before = recordedHere.get(path) ?? commands;
  recordedHere.set(path, commands);
  // A test that is run again asks for the same.
  if (before === commands) return;
  throw new TypeError(
    `withCassette: ${path} was recorded twice by one program, with different commands: two tests of that file ` +
      "have one name, or one that runs again asks for something else. Give each test a name of its own (for " +
      "example, put the names of its `describe`s in front), and record them again",
  );
}

/** A mode, and what it was chosen by: the option, a variable, or nothing at all. */
interface Choice {
  readonly mode: CassetteMode;
  readonly by: "mode" | typeof VARIABLE | "CI" | null;
}

function modeOfEnvironment(): Choice {
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

function noteOnPlaying(path: string, choice: Choice): string {
  return `(The cassette ${path} was playing: what it has was not run. ` +
    `To record it again, run this test ${recording(choice)}.)`;
}

function noteOnReplay(choice: Choice): string {
  const { mode, by } = choice;
  const why = mode === "auto"
    ? "since it is there"
    : by === "CI"
    ? "since CI is set"
    : `as the ${by === "mode" ? "option" : "variable"} ${by} says`;
  return `(The cassette was to be replayed, ${why}. To record it, run this test ${
    recording(choice)
  }.)`;
}

/** How to run a test for its cassette to be recorded. */
function recording(choice: Choice): string {
  return running("record", choice);
}

/** How to run a test in a mode: by the option, if it was chosen by that, or by the variable. */
function running(mode: CassetteMode, { by }: Choice): string {
  if (by === "mode") return `with mode: "${mode}"`;
  return runtime().environment.canReadVariable(VARIABLE)
    ? `with ${VARIABLE}=${mode}`
    : `with ${VARIABLE}=${mode}, and --allow-env=${VARIABLE} for it to be seen`;
}

/** The error with a note at the end of its message, or one in its place that has it. */
function withNote(error: unknown, note: string): unknown {
  if (error instanceof Error) {
    const { message, stack } = error;
    if (message.endsWith(note)) return error;
    try {
      error.message = message === "" ? note : `${message}\n\n${note}`;
      // The stack has the message as it was when the error was made.
      if (stack !== undefined && message !== "") {
        error.stack = stack.replace(message, () => error.message);
      }
      return error;
    } catch {
      // It is frozen, or its message is no property of its own.
    }
  }
  return new Error(`${String(error)}\n\n${note}`, { cause: error });
}
