import type { CommandSpec } from "../../command/spec.ts";
import { type StdinSource, stdinSourceOf } from "../../command/stdin.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import { type FieldTransform, IDENTITY } from "../transform/field_transform.ts";
import type { CassetteKey, EnvDigests } from "../format/entry.ts";
import { stdinDigest, variableDigest } from "../format/digest.ts";
import { transformBytes } from "../format/byte_text.ts";

/** The key, and the variables that take part in it. */
export interface MatchFacts extends CassetteKey {
  /** Left out where none of them is set or removed. */
  readonly envDigests?: EnvDigests;
}

/** What takes part in a match beside what always does. */
export interface MatchRules {
  readonly cwd: boolean;
  /** The variables that take part. */
  readonly env: readonly string[];
}

/** Everything as it is unless it is said otherwise. */
export const DEFAULT_MATCH: MatchRules = Object.freeze({
  cwd: true,
  env: Object.freeze([]),
});

/** The facts as one text, equal exactly when all of them are that take part. */
export function matchKey(facts: MatchFacts, rules: MatchRules): string {
  const key: unknown[] = [
    facts.program,
    rules.cwd ? facts.cwd : null,
    facts.hasStdin,
    String(facts.stdinDigest),
    ...facts.args,
  ];
  // An object, so that it cannot be taken for arguments.
  if (rules.env.length > 0) {
    key.push({
      env: rules.env.map((name) => variableDigestIn(facts.envDigests, name)),
    });
  }
  // JSON keeps apart what any separator could run together: a file may hold any text.
  return JSON.stringify(key);
}

/** The digest of a variable, `null` where it is removed, and `false` where it is neither. */
export function variableDigestIn(
  digests: EnvDigests | undefined,
  name: string,
): string | null | false {
  return digests !== undefined && Object.hasOwn(digests, name)
    ? digests[name]
    : false;
}

/**
 * The facts of a command, as they are in the file: with every text well-formed, and
 * disguised.
 *
 * @throws {UnsupportedError} if its input cannot be known beforehand, or its output is not captured
 */
export function matchFactsFor(
  spec: CommandSpec,
  rules: MatchRules = DEFAULT_MATCH,
  transform: FieldTransform = IDENTITY,
): MatchFacts {
  refuseUnknowable(spec);
  const { program, stdin, args, cwd } = spec;
  const key = transform.normalizeKey({
    program: transform.sanitize("program", program),
    args: args.map((arg) => transform.sanitize("args", arg)),
    cwd: cwd === null ? null : transform.sanitize("cwd", cwd),
    hasStdin: stdin !== "inherit" && !stdin.isEmpty,
    stdinDigest: stdin === "inherit"
      ? null
      : stdinDigest(sanitizedSource(stdinSourceOf(stdin), transform)),
  });
  const digests = envDigestsOf(spec, rules.env);
  return digests === null ? key : { ...key, envDigests: digests };
}

/** The input as it is digested: what differs from one run to the next, or is secret, makes no difference. */
function sanitizedSource(
  source: StdinSource,
  transform: FieldTransform,
): StdinSource {
  if (transform.isIdentity) return source;
  const hide = (text: string) =>
    transform.sanitizeKeepingSurrogates("stdin", text);
  if (source.kind === "bytes") {
    const bytes = transformBytes(source.bytes, hide);
    return bytes === source.bytes ? source : { ...source, bytes };
  }
  if (source.kind === "file") {
    const path = hide(source.path);
    return path === source.path ? source : { ...source, path };
  }
  return source;
}

function envDigestsOf(
  { envs }: CommandSpec,
  names: readonly string[],
): EnvDigests | null {
  const digests: [string, string | null][] = [];
  for (const name of names) {
    const value = envs.get(name);
    if (value === undefined) continue;
    digests.push([name, value === null ? null : variableDigest(name, value)]);
  }
  return digests.length === 0 ? null : Object.fromEntries(digests);
}

function refuseUnknowable(spec: CommandSpec): void {
  const { program, stdin, stdout, stderr } = spec;
  if (spec.connection !== null) {
    throw new UnsupportedError(
      "a pipeline with a cassette",
      "its stages feed each other while they run; run each stage on its own, with outputString, and feed the next " +
        "with Stdin.fromString(result.stdout)",
      { program },
    );
  }
  if (spec.foreground) {
    throw new UnsupportedError(
      "a foreground run with a cassette",
      'what the user types cannot be known; run it without foreground(), with stdin("…") or Stdin.fromFile',
      { program },
    );
  }
  if (stdin === "inherit") {
    throw new UnsupportedError(
      "an inherited stdin with a cassette",
      'what will be typed cannot be known; give the input with stdin("…") or Stdin.fromFile',
      { program },
    );
  }
  if (typeof stdout !== "string" || typeof stderr !== "string") {
    throw new UnsupportedError(
      "output to a file with a cassette",
      "what the file gets is not captured; leave it piped, and write it to the file yourself",
      { program },
    );
  }
  if (stdin.isOneShot) {
    throw new UnsupportedError(
      "a streaming stdin with a cassette",
      "what it will give cannot be known; collect it first and use Stdin.fromBytes, Stdin.fromLines or Stdin.fromFile",
      { program },
    );
  }
}
