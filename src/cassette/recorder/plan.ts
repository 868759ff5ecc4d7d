import {
  checkBoolean,
  checkedChoice,
  checkFunction,
  checkOptions,
  checkVariableName,
} from "../../command/checks.ts";
import type { CommandSpec } from "../../command/spec.ts";
import {
  FieldTransform,
  IDENTITY,
  type NormalizeFunction,
  type RedactFunction,
} from "../transform/field_transform.ts";
import type { Guard } from "../transform/guard.ts";
import { DEFAULT_MATCH, type MatchRules } from "../matching/key.ts";
import { PathNormalizer, placeholdersOfPaths } from "../transform/paths.ts";
import {
  EnvRedaction,
  inheritedPlaceholders,
  namesOfRedaction,
  placeholdersOfEnv,
  refuseInheritedValues,
} from "../transform/redaction.ts";
import { type Placeholder, Placeholders } from "../transform/placeholders.ts";

import type { CassetteOptions, MatchOptions } from "./options.ts";

/** The options of a cassette, looked through. */
export interface CassettePlan {
  readonly match: MatchRules;
  readonly guards: readonly Guard[];
  readonly isStrict: boolean;
  readonly repeatsLast: boolean;
  readonly timing: boolean;
  readonly speed: number;
  /** The variables whose values `redact` replaces. */
  readonly redactedVariables: readonly string[];
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
    return {
      transformOf: () => plain,
      liveTransformOf: () => plain,
      redactedVariables: [],
    };
  }
  const own = (spec: CommandSpec) =>
    variables.flatMap((variable) => placeholdersOfEnv(variable, spec));
  return {
    transformOf: (spec) => make([...own(spec), ...known]),
    redactedVariables: variables.flatMap(namesOfRedaction),
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
    `speed: expected a number above 0, or Infinity for at once, got ${speed}`,
  );
}

function listOf<T>(what: string, value: T | readonly T[] | undefined): T[] {
  if (value === null) throw new TypeError(`${what}: expected a function`);
  if (value === undefined) return [];
  return Array.isArray(value) ? [...value] : [value as T];
}
