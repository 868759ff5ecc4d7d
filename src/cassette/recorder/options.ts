import { checkedChoice } from "../../command/checks.ts";
import type { JobRunner } from "../../runner/job_runner.ts";
import type { ProcessRunner } from "../../runner/process_runner.ts";
import type {
  NormalizeFunction,
  RedactFunction,
} from "../transform/field_transform.ts";
import type { Guard } from "../transform/guard.ts";
import type { PathNormalizer } from "../transform/paths.ts";
import type { EnvRedaction } from "../transform/redaction.ts";

/**
 * The mode of a cassette: whether runs are recorded or replayed.
 *
 * - `"record"`: every command is executed, and a save replaces the file.
 * - `"replay"`: no command is executed. The file must exist.
 * - `"auto"`: `"replay"` if the file exists, else `"record"`.
 * - `"new-episodes"`: commands that the file has are replayed. Other commands are executed,
 *   and a save appends them to the file.
 * - `"passthrough"`: every command is executed. The file is neither read nor written.
 */
export type CassetteMode =
  | "record"
  | "replay"
  | "auto"
  | "new-episodes"
  | "passthrough";

/** What a replay compares in addition to the program, the arguments and stdin. */
export interface MatchOptions {
  /**
   * Whether the working directories must be equal.
   *
   * @default {true}
   */
  cwd?: boolean;
  /**
   * The names of environment variables that must agree: both commands set the variable to
   * the same value, both remove it, or both leave it alone.
   *
   * The file has a digest of the name and the value of each. **A value that can be guessed
   * can be found from its digest**, so use this for `LANG`, not for tokens.
   *
   * @default {[]}
   */
  env?: readonly string[];
}

/** How a cassette is recorded and replayed. Use the same options for both. */
export interface CassetteOptions {
  /**
   * What a replay compares in addition to the program, the arguments and stdin.
   *
   * @default {{ cwd: true, env: [] }}
   */
  matchOn?: MatchOptions;
  /**
   * Replaces text that differs between machines: {@linkcode paths}, a function that returns
   * the key to store and match in place of a command's key, or an array of these.
   *
   * Functions are called in order, after the placeholders of {@linkcode paths} and
   * `redact` were applied to the texts of the key.
   *
   * @default {[]}
   */
  normalize?:
    | NormalizeFunction
    | PathNormalizer
    | readonly (NormalizeFunction | PathNormalizer)[];
  /**
   * Replaces text that must not be in the file: {@linkcode redactEnv},
   * {@linkcode redactPattern}, a function that returns the text to store in place of a text,
   * or an array of these.
   *
   * They are applied to the outputs of a recorded command, and to the key of every command
   * before it is stored or matched. Functions are called in order, after `redactEnv`.
   *
   * If a function throws, the run rejects with that error. If it throws for the output of a
   * live process, every save also rejects with that error until `discard()` is called.
   *
   * @default {[]}
   */
  redact?:
    | RedactFunction
    | EnvRedaction
    | readonly (RedactFunction | EnvRedaction)[];
  /**
   * Checks every entry before it is saved, and may refuse it: a function or an array of
   * functions. If an entry is refused, every save rejects with a `CassetteError` whose
   * `reason` is `"refused"`, and writes nothing, until `discard()` is called.
   *
   * @default {[]}
   */
  guard?: Guard | readonly Guard[];
  /**
   * The order in which a replay must run the commands. `"strict"` means the order of the
   * file, each recording at most once; `assertAllPlayed()` then checks that none is left.
   *
   * Use `"strict"` only for commands that run one after another: concurrent runs are
   * recorded in the order in which they completed.
   *
   * @default {"any"}
   */
  order?: "any" | "strict";
  /**
   * What happens when all recordings of a command were played. `"last"` plays the last one
   * again. `"error"` throws a `CassetteMissError`, or executes the command if the mode is
   * `"new-episodes"`.
   *
   * @default {"last"}, or `"error"` if `order` is `"strict"`
   */
  repeat?: "last" | "error";
  /**
   * Whether to record the time of each piece of output.
   *
   * @default {false}
   */
  timing?: boolean;
  /**
   * The speed at which `start()` replays a run that was recorded with `timing`: 1 is the
   * recorded speed, 2 is twice as fast, `Infinity` is without delays. Other verbs always
   * replay without delays.
   *
   * @default {Infinity}
   */
  speed?: number;
}

/** The mode, the inner runner and the options for {@linkcode RecordReplayRunner.open}. */
export interface OpenOptions<R extends ProcessRunner = JobRunner>
  extends CassetteOptions {
  /** Whether runs are recorded or replayed. */
  mode: CassetteMode;
  /**
   * The runner that executes commands. A replay does not use it.
   *
   * @default {new JobRunner()}
   */
  inner?: R;
}

/**
 * Returns the mode if it is valid. `name` names the value in the message.
 *
 * @throws {TypeError} if it is not a mode
 */
export function checkedMode(name: string, mode: unknown): CassetteMode {
  return checkedChoice(name, mode, MODES);
}

const MODES: readonly CassetteMode[] = [
  "record",
  "replay",
  "auto",
  "new-episodes",
  "passthrough",
];

// Records instead of arrays, so that the type check finds a missing name.
/** The names of {@linkcode CassetteOptions}. */
export const OPTIONS: Readonly<Record<keyof CassetteOptions, true>> = {
  matchOn: true,
  normalize: true,
  redact: true,
  guard: true,
  order: true,
  repeat: true,
  timing: true,
  speed: true,
};
/** The names of {@linkcode OpenOptions}. */
export const OPEN_OPTIONS: Readonly<Record<keyof OpenOptions, true>> = {
  mode: true,
  inner: true,
  ...OPTIONS,
};
