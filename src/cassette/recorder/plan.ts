import {
  checkBoolean,
  checkedChoice,
  checkFunction,
  checkOptions,
  checkVariableName,
} from "../../command/checks.ts";
import type { CommandSpec } from "../../command/spec.ts";
import { DEFAULT_MATCH, type MatchRules } from "../matching/key.ts";
import {
  FieldTransform,
  IDENTITY,
  type NormalizeFunction,
  type RedactFunction,
} from "../transform/field_transform.ts";
import type { Guard } from "../transform/guard.ts";
import { PathNormalizer, placeholdersOfPaths } from "../transform/paths.ts";
import { type Placeholder, Placeholders } from "../transform/placeholders.ts";
import {
  EnvRedaction,
  inheritedPlaceholders,
  namesOfRedaction,
  placeholdersOfEnv,
  refuseInheritedValues,
} from "../transform/redaction.ts";
import type { CassetteOptions, MatchOptions } from "./options.ts";

/** The options of a cassette, checked and with their defaults. */
export interface CassettePlan {
  readonly match: MatchRules;
  readonly guards: readonly Guard[];
  /** Whether the option `order` is `"strict"`. */
  readonly isStrict: boolean;
  /** Whether the option `repeat` is `"last"`. */
  readonly repeatsLast: boolean;
  readonly timing: boolean;
  readonly speed: number;
  /** The names of the variables whose values `redact` replaces. */
  readonly redactedVariables: readonly string[];
  /**
   * Returns the transform of a command's match key, and of its replayed output. It does not
   * depend on inherited variables, so that a replay is the same on every machine.
   *
   * @throws {RangeError} if a value that the command sets is too short to be redacted
   */
  transformOf(spec: CommandSpec): FieldTransform;
  /**
   * Returns the transform of the output of a command that is executed. It also replaces
   * the values that the command inherits.
   *
   * @throws {UnsupportedError} if an inherited value cannot be read, or occurs in the
   *   program, an argument, the working directory or stdin
   * @throws {RangeError} if a value is too short to be redacted
   */
  liveTransformOf(spec: CommandSpec): FieldTransform;
}

/**
 * Checks the options of a cassette.
 *
 * @throws {TypeError} if an option is invalid
 * @throws {RangeError} if `speed` is not a number above 0
 * @throws {UnsupportedError} if {@linkcode paths} needs a permission that is missing
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
      'repeat: "last" cannot be combined with order: "strict", which plays each recording once',
    );
  }
  return {
    match: checkedMatch(options.matchOn),
    guards: listOf<Guard>("guard", options.guard).map((guard) =>
      checkFunction("guard", guard)
    ),
    isStrict,
    repeatsLast: repeat === "last",
    timing: checkBoolean("timing", options.timing ?? false),
    speed: checkedSpeed(options.speed ?? Infinity),
    ...transformsOf(options),
  };
}

const MATCH_OPTIONS: Readonly<Record<keyof MatchOptions, true>> = {
  cwd: true,
  env: true,
};
const ORDERS = ["any", "strict"] as const;
const REPEATS = ["last", "error"] as const;

function transformsOf(
  { normalize, redact }: CassetteOptions,
): Pick<CassettePlan, "transformOf" | "liveTransformOf" | "redactedVariables"> {
  const normalizeItems = listOf<NormalizeFunction | PathNormalizer>(
    "normalize",
    normalize,
  );
  const redactItems = listOf<RedactFunction | EnvRedaction>("redact", redact);
  const pathNormalizers = normalizeItems.filter((item) =>
    item instanceof PathNormalizer
  );
  const normalizers = normalizeItems.flatMap((item) =>
    item instanceof PathNormalizer ? [] : [checkFunction("normalize", item)]
  );
  const envRedactions = redactItems.filter((item) =>
    item instanceof EnvRedaction
  );
  const redactions = redactItems.flatMap((item) =>
    item instanceof EnvRedaction ? [] : [checkFunction("redact", item)]
  );
  const folders = pathNormalizers.flatMap(placeholdersOfPaths);
  const transformWith = (placeholders: readonly Placeholder[]) =>
    new FieldTransform(
      placeholders.length === 0 ? null : new Placeholders(placeholders),
      normalizers,
      redactions,
    );
  if (envRedactions.length === 0) {
    const transform = normalizeItems.length === 0 && redactItems.length === 0
      ? IDENTITY
      : transformWith(folders);
    return {
      transformOf: () => transform,
      liveTransformOf: () => transform,
      redactedVariables: [],
    };
  }
  const setValues = (spec: CommandSpec) =>
    envRedactions.flatMap((redaction) => placeholdersOfEnv(redaction, spec));
  return {
    transformOf: (spec) => transformWith([...setValues(spec), ...folders]),
    redactedVariables: envRedactions.flatMap(namesOfRedaction),
    liveTransformOf(spec) {
      const set = setValues(spec);
      const inherited = envRedactions.flatMap((redaction) =>
        inheritedPlaceholders(redaction, spec)
      );
      refuseInheritedValues(spec, inherited, set);
      // Set values come first: of two variables with one value, the first gives the
      // placeholder, and only a set variable can be restored.
      return transformWith([...set, ...inherited, ...folders]);
    },
  };
}

function checkedMatch(options: MatchOptions = {}): MatchRules {
  checkOptions("matchOn", options, MATCH_OPTIONS);
  const { cwd = true, env = [] } = options;
  if (!Array.isArray(env)) {
    throw new TypeError("matchOn.env: expected an array of names of variables");
  }
  if (checkBoolean("matchOn.cwd", cwd) && env.length === 0) {
    return DEFAULT_MATCH;
  }
  return {
    cwd,
    env: [...new Set(env.map((name) => checkVariableName(name)))].sort(),
  };
}

function checkedSpeed(speed: number): number {
  if (typeof speed === "number" && speed > 0) return speed;
  throw new RangeError(
    `speed: expected a number above 0, or Infinity to play without delays, got ${speed}`,
  );
}

function listOf<T>(name: string, value: T | readonly T[] | undefined): T[] {
  if (value === null) {
    throw new TypeError(`${name}: expected a function, got null`);
  }
  if (value === undefined) return [];
  return Array.isArray(value) ? [...value] : [value as T];
}
