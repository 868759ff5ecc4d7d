import type { CommandSpec } from "../../command/spec.ts";
import { type StdinSource, stdinSourceOf } from "../../command/stdin.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import { transformBytes } from "../format/byte_text.ts";
import { stdinDigest, variableDigest } from "../format/digest.ts";
import type { CassetteKey, EnvDigests } from "../format/entry.ts";
import { type FieldTransform, IDENTITY } from "../transform/field_transform.ts";

/** The facts that are compared to find the recorded run of a command. */
export interface MatchFacts extends CassetteKey {
  /** The digests of the variables to match. Not set if the command sets and removes none of them. */
  readonly envDigests?: EnvDigests;
}

/** The facts that are compared in addition to program, arguments and stdin. */
export interface MatchRules {
  /** Whether the working directory is compared. */
  readonly cwd: boolean;
  /** The names of the variables that are compared. */
  readonly env: readonly string[];
}

/** The rules of a cassette without the option `matchOn`. */
export const DEFAULT_MATCH: MatchRules = Object.freeze({
  cwd: true,
  env: Object.freeze([]),
});

/** Returns the facts as one text. Two texts are equal only if all compared facts are equal. */
export function matchKey(facts: MatchFacts, rules: MatchRules): string {
  const key: unknown[] = [
    facts.program,
    rules.cwd ? facts.cwd : null,
    facts.hasStdin,
    String(facts.stdinDigest),
    ...facts.args,
  ];
  // An object, which cannot be confused with an argument.
  if (rules.env.length > 0) {
    key.push({
      env: rules.env.map((name) => variableDigestIn(facts.envDigests, name)),
    });
  }
  // JSON, because the texts of a file may contain any separator.
  return JSON.stringify(key);
}

/**
 * Returns the digest of a variable, `null` if the command removes the variable, or `false`
 * if the command neither sets nor removes it.
 */
export function variableDigestIn(
  digests: EnvDigests | undefined,
  name: string,
): string | null | false {
  return digests !== undefined && Object.hasOwn(digests, name)
    ? digests[name]
    : false;
}

/**
 * Returns the match facts of a command, with every text sanitized as in the file.
 *
 * @throws {UnsupportedError} if the stdin is not known before the run, or the output is not
 *   captured
 */
export function matchFactsFor(
  spec: CommandSpec,
  rules: MatchRules = DEFAULT_MATCH,
  transform: FieldTransform = IDENTITY,
): MatchFacts {
  refuseUnrecordable(spec);
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

/** The stdin source to digest: sanitized, so that the digest does not depend on replaced values. */
function sanitizedSource(
  source: StdinSource,
  transform: FieldTransform,
): StdinSource {
  if (transform.isIdentity) return source;
  const sanitize = (text: string) =>
    transform.sanitizeKeepingSurrogates("stdin", text);
  // An unchanged source is returned itself, because digests are cached by source.
  if (source.kind === "bytes") {
    const bytes = transformBytes(source.bytes, sanitize);
    return bytes === source.bytes ? source : { ...source, bytes };
  }
  if (source.kind === "file") {
    const path = sanitize(source.path);
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

function refuseUnrecordable(spec: CommandSpec): void {
  const { program, stdin, stdout, stderr } = spec;
  if (spec.connection !== null) {
    throw new UnsupportedError(
      "a pipeline with a cassette",
      "its stages exchange data while they run; run each stage with outputString, and pass its output to the next " +
        "with Stdin.fromString(result.stdout)",
      { program },
    );
  }
  if (spec.foreground) {
    throw new UnsupportedError(
      "a foreground run with a cassette",
      'what the user will type is not known before the run; run it without foreground(), with stdin("…") or Stdin.fromFile',
      { program },
    );
  }
  if (stdin === "inherit") {
    throw new UnsupportedError(
      "an inherited stdin with a cassette",
      'the input is not known before the run; give it with stdin("…") or Stdin.fromFile',
      { program },
    );
  }
  if (typeof stdout !== "string" || typeof stderr !== "string") {
    throw new UnsupportedError(
      "output to a file with a cassette",
      "output to a file is not captured; leave the stream piped, and write result.stdout or result.stderr to the file",
      { program },
    );
  }
  if (stdin.isOneShot) {
    throw new UnsupportedError(
      "a streaming stdin with a cassette",
      "the input is not known before the run; collect it first, and use Stdin.fromBytes, Stdin.fromLines or Stdin.fromFile",
      { program },
    );
  }
}
