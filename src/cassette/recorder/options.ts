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
 * Whether runs are recorded or replayed.
 *
 * - `"record"`: every run is real, and what was in the file is replaced.
 * - `"replay"`: no run is real; the file has to be there.
 * - `"auto"`: `"replay"` if the file is there, and `"record"` if not.
 * - `"new-episodes"`: what the file has is replayed, everything else is run for real and
 *   added to it; the rest of the file stays.
 * - `"passthrough"`: every run is real, and there is no cassette.
 */
export type CassetteMode =
  | "record"
  | "replay"
  | "auto"
  | "new-episodes"
  | "passthrough";

/** Which invocations count as the same, beside program, arguments and stdin. */
export interface MatchOptions {
  /**
   * Whether the working directory takes part.
   *
   * @default {true}
   */
  cwd?: boolean;
  /**
   * The variables that take part, as the command sets or removes them. The file gets a
   * digest of each one's value and its name. **A digest of a value that can be guessed
   * can be guessed**: this is for `LANG`, not for tokens.
   *
   * @default {[]}
   */
  env?: readonly string[];
}

/** How a cassette is recorded and replayed; the README has a table of what each of these writes. */
export interface CassetteOptions {
  /** Which invocations count as the same. */
  matchOn?: MatchOptions;
  /**
   * What varies between machines: {@linkcode paths}, a function that makes the key that
   * is stored, and matched, of the one that a command has, or several of them.
   */
  normalize?:
    | NormalizeFunction
    | PathNormalizer
    | readonly (NormalizeFunction | PathNormalizer)[];
  /**
   * What is not to be in the file: {@linkcode redactEnv}, {@linkcode redactPattern}, a
   * function that makes what may be kept of a text, or several of them, which are
   * applied in turn to whatever is about to be kept, and to the key of every command
   * before it is matched. What a function throws is what the run fails with; a live
   * process that has ended is then missing, and each save fails with it until `discard()`.
   */
  redact?:
    | RedactFunction
    | EnvRedaction
    | readonly (RedactFunction | EnvRedaction)[];
  /**
   * Who sees every entry before it is kept, and may refuse it: one or several. A save
   * then fails with a `CassetteError` whose `reason` is `"refused"`, and writes nothing.
   */
  guard?: Guard | readonly Guard[];
  /**
   * `"strict"`: runs have to come in the order in which they were recorded, each as
   * often as it was recorded at most; `assertAllPlayed()` sees to it that none is left.
   * For runs that come one after another: those that run at the same time were recorded
   * in the order in which they ended.
   *
   * @default {"any"}
   */
  order?: "any" | "strict";
  /**
   * What comes when all recordings of one invocation have been played: the last of them
   * again and again, or a `CassetteMissError`; with `"new-episodes"`, a real run.
   *
   * @default {"last"}, and `"error"` with a strict order
   */
  repeat?: "last" | "error";
  /**
   * Whether the file also gets when each piece of output came.
   *
   * @default {false}
   */
  timing?: boolean;
  /**
   * How fast a replayed `start()` plays what was recorded with `timing`: 1 as it was, 2
   * twice as fast. Everything else, and every other verb, comes at once.
   *
   * @default {Infinity}
   */
  speed?: number;
}

/** How {@linkcode RecordReplayRunner.open} opens a cassette. */
export interface OpenOptions<R extends ProcessRunner = JobRunner>
  extends CassetteOptions {
  /** Whether runs are recorded or replayed. */
  mode: CassetteMode;
  /**
   * What runs the real thing.
   *
   * @default {new JobRunner()}
   */
  inner?: R;
}

/** Refuses what is no mode. */
export function checkedMode(what: string, mode: unknown): CassetteMode {
  return checkedChoice(what, mode, MODES);
}

/** Every {@linkcode CassetteMode}. */
export const MODES: readonly CassetteMode[] = [
  "record",
  "replay",
  "auto",
  "new-episodes",
  "passthrough",
];

// Records and no arrays, for the type check to find the one that is missing.
/** What there is in {@linkcode CassetteOptions}. */
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
/** What there is in {@linkcode OpenOptions}. */
export const OPEN_OPTIONS: Readonly<Record<keyof OpenOptions, true>> = {
  mode: true,
  inner: true,
  ...OPTIONS,
};
