import { checkVariableName, isIterable, kindOf } from "../../command/checks.ts";
import type { CommandSpec } from "../../command/spec.ts";
import { stdinSourceOf } from "../../command/stdin.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import { lossyDecoder } from "../../output/text.ts";
import { runtime } from "../../runtime/detect.ts";
import type { RedactFunction } from "./field_transform.ts";
import { occurrencesOf, type Placeholder } from "./placeholders.ts";

/**
 * The shortest value that is redacted, in characters. A shorter one would match unrelated
 * text, and could be guessed from the places where it was replaced.
 */
const SHORTEST_SECRET = 4;

// The three functions below read the private names of an `EnvRedaction`. Its static block
// assigns them.

/**
 * Returns the placeholders of the values that a command sets.
 *
 * @throws {RangeError} if a value is too short
 */
export let placeholdersOfEnv: (
  redaction: EnvRedaction,
  spec: CommandSpec,
) => Placeholder[];

/** Returns the names of the variables. */
export let namesOfRedaction: (redaction: EnvRedaction) => readonly string[];

/**
 * Returns the placeholders of the values that a command inherits.
 *
 * @throws {UnsupportedError} if a value cannot be read
 * @throws {RangeError} if a value is too short
 */
export let inheritedPlaceholders: (
  redaction: EnvRedaction,
  spec: CommandSpec,
) => Placeholder[];

/** Redacts the values of environment variables. Created by {@linkcode redactEnv}. */
export class EnvRedaction {
  static {
    namesOfRedaction = (redaction) => redaction.#names;
    placeholdersOfEnv = (redaction, spec) =>
      redaction.#names.map((name) =>
        placeholderFor(name, ownSecret(spec, name))
      );
    inheritedPlaceholders = (redaction, spec) =>
      redaction.#names.filter((name) => inherits(spec, name))
        .map((name) => placeholderFor(name, inheritedSecret(spec, name)));
  }

  readonly #names: readonly string[];

  /** Creates a redaction for {@linkcode redactEnv}. Use that function instead. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }
}

/**
 * Replaces the values of environment variables with placeholders such as `<env:API_TOKEN>` in
 * a cassette. Pass the result as the option `redact`.
 *
 * **If the command sets the variable**, the value is replaced in the program, the
 * arguments, the working directory, stdin (before it is digested), stdout and stderr. A
 * replay restores the placeholder to the value that the replaying command sets. A value of
 * fewer than 4 characters is refused: the run throws a `RangeError` before it starts.
 *
 * **If the command inherits the variable**, the value is replaced in stdout and stderr and
 * is not restored, so that a replay is the same on every machine. Recording then throws
 * before the command starts:
 *
 * - an `UnsupportedError` if the value occurs in the program, an argument, the working
 *   directory or stdin. Setting the variable with `env` avoids that.
 * - an `UnsupportedError` if the value is not UTF-8 or cannot be read. On Deno, reading it
 *   needs `--allow-env=API_TOKEN`; a replay does not.
 * - a `RangeError` if the value has 1 to 3 characters.
 *
 * Only the exact, whole value is found: not an encoded form such as base64, and not a part
 * of the value that was printed before a timeout. The value of a variable that the command
 * neither sets nor inherits is not replaced.
 *
 * @throws {TypeError} if no name is given, or a name is empty or contains `=`, NUL, `<`,
 *   `>` or a backslash
 *
 * @example
 * ```ts
 * import { Command, RecordReplayRunner, redactEnv } from "@processkit/processkit";
 *
 * const echo = new Command("sh", ["-c", 'echo "token=$API_TOKEN"']);
 * const runner = RecordReplayRunner.record("/tmp/echo.json", undefined, {
 *   redact: redactEnv(["API_TOKEN"]),
 * });
 * await runner.run(echo.env("API_TOKEN", "s3cr3t-value")); // in the file: "token=<env:API_TOKEN>\n"
 * runner.discard();
 * ```
 */
export function redactEnv(names: Iterable<string>): EnvRedaction {
  if (typeof names === "string" || !isIterable(names)) {
    throw new TypeError(
      `redactEnv: expected an array of names, got ${kindOf(names)}`,
    );
  }
  const all = Array.from(new Set(names), (name) => checkVariableName(name));
  if (all.length === 0) {
    throw new TypeError(
      "redactEnv: expected at least one name, got an empty list",
    );
  }
  for (const name of all) {
    if (/[<>\\]/.test(name) || !name.isWellFormed()) {
      throw new TypeError(
        `redactEnv: expected a well-formed name without <, > and \\, got ${
          JSON.stringify(name)
        }`,
      );
    }
  }
  return new EnvRedaction(all);
}

/**
 * Replaces every match of a pattern in a cassette. Pass the result as the option `redact`.
 * The matched text is not in the file, and a replay does not restore it.
 *
 * All matches are replaced, whether or not the pattern has the flag `g`. `replacement` is
 * inserted literally: `$1` has no special meaning. Its default is `"<redacted>"`.
 *
 * @throws {TypeError} if `pattern` is not a `RegExp` or matches the empty string, or
 *   `replacement` is not a string
 *
 * @example
 * ```ts
 * import { redactPattern } from "@processkit/processkit";
 *
 * const redact = redactPattern(/\bsk_live_\w+/);
 * console.log(redact("stdout", "key sk_live_4eC39H")); // "key <redacted>"
 * ```
 */
export function redactPattern(
  pattern: RegExp,
  replacement: string = "<redacted>",
): RedactFunction {
  if (!(pattern instanceof RegExp)) {
    throw new TypeError(
      `redactPattern: expected a RegExp, got ${typeof pattern}`,
    );
  }
  if (typeof replacement !== "string") {
    throw new TypeError(
      `redactPattern: expected a string as the replacement, got ${typeof replacement}`,
    );
  }
  // A copy, because `lastIndex` of the caller's pattern must not change. It is global and
  // not sticky, so that it replaces every match.
  const flags = pattern.flags.replaceAll(/[gy]/g, "");
  const global = new RegExp(pattern.source, `${flags}g`);
  if (global.test("")) {
    throw new TypeError(
      `redactPattern: ${pattern} matches the empty string; use a pattern that does not`,
    );
  }
  return (_field, text) => text.replace(global, () => replacement);
}

function placeholderFor(variable: string, text: string | null): Placeholder {
  return { name: `env:${variable}`, text, isFolder: false };
}

/** The value that the command sets; `null` if it sets none. */
function ownSecret({ envs }: CommandSpec, name: string): string | null {
  const value = envs.get(name) ?? null;
  return value === null ? null : checkedSecret(name, value.toWellFormed());
}

/** The value that the command inherits; `null` if it is not set or empty. */
function inheritedSecret(spec: CommandSpec, name: string): string | null {
  const { environment } = runtime();
  const value = environment.variable(name);
  const advice = `set it with env("${name}", …)`;
  if (!environment.canReadVariable(name)) {
    throw cannotRedact(
      spec,
      name,
      "this program has no permission to read it",
      `grant --allow-env=${name}, or ${advice}`,
    );
  }
  // The runtime replaces bytes that are not UTF-8. The child prints the original bytes, so
  // the replaced value would not be found.
  if (value?.includes("\ufffd")) {
    throw cannotRedact(spec, name, "it is not UTF-8", advice);
  }
  return value === null || value === "" ? null : checkedSecret(name, value);
}

function inherits(
  { envs, envCleared, envInherited }: CommandSpec,
  name: string,
): boolean {
  return !envs.has(name) && (!envCleared || envInherited.includes(name));
}

/**
 * Refuses a command that contains the value of a variable which it inherits. On a machine
 * with another value, the recording would match no command. Values that the command sets
 * are replaced on every machine; an inherited value that they cover is accepted.
 *
 * @throws {UnsupportedError} if the program, an argument, the working directory or stdin
 *   contains such a value
 */
export function refuseInheritedValues(
  spec: CommandSpec,
  inherited: readonly Placeholder[],
  set: readonly Placeholder[],
): void {
  const secrets = inherited.filter(isKnown);
  if (secrets.length === 0) return;
  const covers = set.filter(isKnown).map(({ text }) => text);
  for (const [place, text] of textsOf(spec)) {
    for (const { name, text: secret } of secrets) {
      if (!isExposed(text, secret, covers)) continue;
      const variable = name.replace(/^env:/, "");
      throw new UnsupportedError(
        `recording a command with the inherited value of ${variable} in ${place}`,
        `set it with env("${variable}", …), so that a replay knows the value too`,
      );
    }
  }
}

function isKnown(
  placeholder: Placeholder,
): placeholder is Placeholder & { readonly text: string } {
  return placeholder.text !== null;
}

function* textsOf(
  { program, args, cwd, stdin }: CommandSpec,
): Iterable<[place: string, text: string]> {
  yield ["the program", program.toWellFormed()];
  for (const [index, arg] of args.entries()) {
    yield [`args[${index}]`, arg.toWellFormed()];
  }
  if (cwd !== null) yield ["the working directory", cwd.toWellFormed()];
  if (stdin === "inherit") return;
  const source = stdinSourceOf(stdin);
  if (source.kind === "file") {
    yield ["the path of the stdin file", source.path.toWellFormed()];
  }
  if (source.kind === "bytes") {
    yield ["stdin", lossyDecoder("utf-8").decode(source.bytes)];
  }
}

/** Returns whether any occurrence of a secret in a text is not wholly within `covers`. */
function isExposed(
  text: string,
  secret: string,
  covers: readonly string[],
): boolean {
  if (!text.includes(secret)) return false;
  const spans = coveredSpans(text, covers);
  let next = 0;
  for (const start of occurrencesOf(secret, text)) {
    const end = start + secret.length;
    // Both lists are sorted: a span that ends too early covers no later occurrence either.
    while (next < spans.length && spans[next].end < end) next++;
    if (next === spans.length || spans[next].start > start) return true;
  }
  return false;
}

/**
 * The parts of a text that are covered by occurrences of `covers`, from the left.
 * Overlapping and adjacent parts are merged.
 */
function coveredSpans(
  text: string,
  covers: readonly string[],
): { readonly start: number; readonly end: number }[] {
  const all = covers.flatMap((cover) =>
    Array.from(occurrencesOf(cover, text), (start) => ({
      start,
      end: start + cover.length,
    }))
  );
  all.sort((one, other) => one.start - other.start);
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of all) {
    const last = merged.at(-1);
    if (last === undefined || last.end < start) merged.push({ start, end });
    else last.end = Math.max(last.end, end);
  }
  return merged;
}

function cannotRedact(
  { program }: CommandSpec,
  variable: string,
  problem: string,
  advice: string,
): UnsupportedError {
  return new UnsupportedError(
    `redacting the inherited value of ${variable}`,
    `${problem}; ${advice}`,
    { program },
  );
}

function checkedSecret(name: string, value: string): string {
  if (value.length >= SHORTEST_SECRET) return value;
  const length = value === ""
    ? "empty"
    : `only ${value.length} character${value.length === 1 ? "" : "s"} long`;
  throw new RangeError(
    `redactEnv: the value of ${name} is ${length}, so it would match unrelated text; ` +
      `use a value of at least ${SHORTEST_SECRET} characters, or leave ${name} out of redactEnv`,
  );
}
