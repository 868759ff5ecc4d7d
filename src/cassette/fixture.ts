import { checkFunction, checkObject } from "../command/checks.ts";
import { JobRunner } from "../runner/job_runner.ts";
import type { ProcessRunner } from "../runner/process_runner.ts";
import { runtime } from "../runtime/detect.ts";
import {
  type CassetteMode,
  type CassetteOptions,
  checkedMode,
} from "./options.ts";
import { isCassetteThere } from "./file.ts";
import { endPlaying, RecordReplayRunner } from "./record_replay_runner.ts";
import { cassettePathOf, type TestIdentity } from "./test_name.ts";

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
 * `auto` or `new-episodes`); else it is `"replay"` where `CI` is set, and `"auto"`
 * elsewhere. On Deno neither variable is looked at without permission, and none is asked
 * for: a replay needs `--allow-read` alone.
 *
 * What a body throws while a cassette is playing tells so at the end of its message.
 *
 * @throws {CassetteError} if the cassette cannot be read or written, or a guard refused a run
 * @throws {TypeError} if the test has no name or file, or an option or the variable is not what it has to be
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
  const [given = {}] = rest.slice(0, -1);
  const body = rest.at(-1) as CassetteBody<ProcessRunner, unknown>;
  checkFunction("withCassette: the body", body);
  const { dir, ...own }: Options = checkObject(
    "withCassette: the options",
    given,
  );
  const path = cassettePathOf(test, dir);
  const mode = own.mode ?? modeOfSurroundings();
  await using owned = own.inner === undefined ? new JobRunner() : null;
  const inner = own.inner ?? owned!;
  const runner = await RecordReplayRunner.open(path, { ...own, mode, inner });
  let value: unknown;
  try {
    value = await body(runner);
  } catch (error) {
    const isPlaying = runner.mode === "replay" ||
      (runner.mode === "new-episodes" && await isCassetteThere(path));
    throw isPlaying ? withNote(error, noteOf(path, own.mode)) : error;
  } finally {
    await endPlaying(runner);
  }
  await runner.save();
  return value;
}

function modeOfSurroundings(): CassetteMode {
  const { surroundings } = runtime();
  const chosen = surroundings.variable(VARIABLE);
  if (chosen) return checkedMode(`the variable ${VARIABLE}`, chosen);
  const ci = surroundings.variable("CI");
  return ci && ci !== "false" && ci !== "0" ? "replay" : "auto";
}

function noteOf(path: string, mode: CassetteMode | undefined): string {
  const how = mode === undefined
    ? `run this test with ${VARIABLE}=record`
    : 'run this test with mode: "record"';
  return `(The cassette ${path} was playing: what it has was not run. To record it again, ${how}.)`;
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
