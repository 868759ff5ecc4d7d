import {
  checkBoolean,
  checkFunction,
  checkOptions,
  checkVariableName,
} from "../../command/checks.ts";
import type { CommandSpec } from "../../command/spec.ts";
import type { JobRunner } from "../../runner/job_runner.ts";
import type { ProcessRunner } from "../../runner/process_runner.ts";
import {
  FieldTransform,
  IDENTITY,
  type NormalizeFunction,
  type RedactFunction,
} from "../transform/field_transform.ts";
import type { Guard } from "../transform/guard.ts";
import { type MatchRules, PLAIN_MATCH } from "../matching/key.ts";
import { PathNormalizer, placeholdersOfPaths } from "../transform/paths.ts";
import {
  EnvRedaction,
  inheritedPlaceholders,
  placeholdersOfEnv,
  refuseInheritedValues,
} from "../transform/redaction.ts";
import { type Placeholder, Placeholders } from "../transform/placeholders.ts";

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

/** The options of a cassette, looked through. */
export interface CassettePlan {
  readonly match: MatchRules;
  readonly guards: readonly Guard[];
  readonly isStrict: boolean;
  readonly repeats: boolean;
  readonly timing: boolean;
  readonly speed: number;
  /** How a command's texts look in the file, on every machine. */
  transformOf(spec: CommandSpec): FieldTransform;
  /**
   * How the output of a command looks that is run for real, on this machine.
   *
   * @throws {UnsupportedError} if it inherits a value that is to be redacted and cannot be read, or is in its words
   * @throws {RangeError} if that is too short
   */
  liveTransformOf(spec: CommandSpec): FieldTransform;
}

/**
 * Looks through the options of a cassette.
 *
 * @throws {TypeError} if one of them is not what it has to be
 * @throws {RangeError} if the speed is not above 0
 * @throws {UnsupportedError} if a permission is missing for what {@linkcode paths} is to know
 */
export function checkedPlan(options: CassetteOptions): CassettePlan {
  const order = checkedChoice("order", options.order ?? "any", ORDERS);
  const isStrict = order === "strict";
  const repeat = checkedChoice(
    "repeat",
    options.repeat ?? (isStrict ? "error" : "last"),
    REPEATS,
  );
  if (isStrict && repeat === "last") {
    throw new TypeError(
      'repeat: "last" cannot be had with order: "strict", which plays each recording once',
    );
  }
  return {
    match: checkedMatch(options.matchOn),
    guards: listOf<Guard>("guard", options.guard).map((guard) =>
      checkFunction("guard", guard)
    ),
    isStrict,
    repeats: repeat === "last",
    timing: checkBoolean("timing", options.timing ?? false),
    speed: checkedSpeed(options.speed ?? Infinity),
    ...transformsOf(options),
  };
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
const MATCH_OPTIONS: Readonly<Record<keyof MatchOptions, true>> = {
  cwd: true,
  env: true,
};
const ORDERS = ["any", "strict"] as const;
const REPEATS = ["last", "error"] as const;

function transformsOf(
  { normalize, redact }: CassetteOptions,
): Pick<CassettePlan, "transformOf" | "liveTransformOf"> {
  const normalizing = listOf<NormalizeFunction | PathNormalizer>(
    "normalize",
    normalize,
  );
  const redacting = listOf<RedactFunction | EnvRedaction>("redact", redact);
  const folders = normalizing.filter((item) => item instanceof PathNormalizer);
  const normalizers = normalizing.flatMap((item) =>
    item instanceof PathNormalizer ? [] : [checkFunction("normalize", item)]
  );
  const variables = redacting.filter((item) => item instanceof EnvRedaction);
  const redactions = redacting.flatMap((item) =>
    item instanceof EnvRedaction ? [] : [checkFunction("redact", item)]
  );
  const known = folders.flatMap(placeholdersOfPaths);
  const make = (placeholders: readonly Placeholder[]) =>
    new FieldTransform(
      placeholders.length === 0 ? null : new Placeholders(placeholders),
      normalizers,
      redactions,
    );
  const plain = normalizing.length === 0 && redacting.length === 0
    ? IDENTITY
    : make(known);
  if (variables.length === 0) {
    return { transformOf: () => plain, liveTransformOf: () => plain };
  }
  const own = (spec: CommandSpec) =>
    variables.flatMap((variable) => placeholdersOfEnv(variable, spec));
  return {
    transformOf: (spec) => make([...own(spec), ...known]),
    liveTransformOf(spec) {
      const set = own(spec);
      const inherited = variables.flatMap((variable) =>
        inheritedPlaceholders(variable, spec)
      );
      refuseInheritedValues(spec, inherited, set);
      // Of two with one value, the one that the command sets has a way back.
      return make([...set, ...inherited, ...known]);
    },
  };
}

function checkedMatch(options: MatchOptions = {}): MatchRules {
  checkOptions("matchOn", options, MATCH_OPTIONS);
  const { cwd = true, env = [] } = options;
  if (!Array.isArray(env)) {
    throw new TypeError("matchOn.env: expected an array of variables' names");
  }
  if (checkBoolean("matchOn.cwd", cwd) && env.length === 0) {
    return PLAIN_MATCH;
  }
  return {
    cwd,
    env: [...new Set(env.map((name) => checkVariableName(name)))].sort(),
  };
}

function checkedSpeed(speed: number): number {
  if (typeof speed === "number" && speed > 0) return speed;
  throw new RangeError(
    `speed: expected a number above 0, or Infinity for at once, got ${speed}`,
  );
}

function checkedChoice<T extends string>(
  what: string,
  value: unknown,
  choices: readonly T[],
): T {
  const choice = choices.find((choice) => choice === value);
  if (choice !== undefined) return choice;
  throw new TypeError(
    `${what}: expected ${
      choices.map((choice) => JSON.stringify(choice)).join(" or ")
    }, got ${
      typeof value === "string" ? JSON.stringify(value) : String(value)
    }`,
  );
}

function listOf<T>(what: string, value: T | readonly T[] | undefined): T[] {
  if (value === null) throw new TypeError(`${what}: expected a function`);
  if (value === undefined) return [];
  return Array.isArray(value) ? [...value] : [value as T];
}
