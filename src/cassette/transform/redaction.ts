import { checkVariableName, isIterable, kindOf } from "../../command/checks.ts";
import type { CommandSpec } from "../../command/spec.ts";
import { stdinSourceOf } from "../../command/stdin.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import { lossyDecoder } from "../../output/text.ts";
import { runtime } from "../../runtime/detect.ts";
import type { RedactFunction } from "./field_transform.ts";
import { occurrencesOf, type Placeholder } from "./placeholders.ts";

/** What is shorter is found all over a text, where it is no secret, and could be guessed from what is left. */
const SHORTEST_SECRET = 4;

/** What stands in for the values that a command gives its variables; set by {@linkcode EnvRedaction} itself. */
export let placeholdersOfEnv: (
  redaction: EnvRedaction,
  spec: CommandSpec,
) => Placeholder[];

/** The names of the variables; set by {@linkcode EnvRedaction} itself. */
export let namesOfRedaction: (redaction: EnvRedaction) => readonly string[];

/**
 * What stands in for those that a command inherits; set by {@linkcode EnvRedaction} itself.
 *
 * @throws {UnsupportedError} if one cannot be read
 * @throws {RangeError} if one is too short
 */
export let inheritedPlaceholders: (
  redaction: EnvRedaction,
  spec: CommandSpec,
) => Placeholder[];

/** Environment variables whose values are secret; made by {@linkcode redactEnv}. */
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

  /** Use {@linkcode redactEnv}. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }
}

/**
 * For `redact`: has `<env:API_TOKEN>` stand for the value that a command sets the
 * variable to, wherever that is echoed: in arguments, the working directory, the input
 * that is digested, and both outputs. A replay puts the replaying command's own value
 * back, so that its result is as it was. A run with a value of less than 4 characters is
 * refused with a `RangeError` before it starts.
 *
 * A value that a command inherits is replaced in both outputs, and is not put back: a
 * replay is to be the same on every machine. A recording is refused before the command
 * starts if that value is in its words or input, whatever else would change those
 * (`UnsupportedError`), is less than 4 characters (`RangeError`), or cannot be read
 * (`UnsupportedError`; on Deno it needs `--allow-env=API_TOKEN`, which a replay does not).
 *
 * It is the whole value as it is that is found, and not what the tool made of it, by
 * base64 say, or the beginning of it that came before a deadline. What a command neither
 * sets nor inherits is not looked for.
 *
 * @throws {TypeError} if no variable is named, or a name is none, or holds `<`, `>` or a backslash
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
  if (all.length === 0) throw new TypeError("redactEnv: no variable is named");
  for (const name of all) {
    if (/[<>\\]/.test(name) || !name.isWellFormed()) {
      throw new TypeError(
        `redactEnv: <, > and \\ cannot be part of a name here: ${
          JSON.stringify(name)
        }`,
      );
    }
  }
  return new EnvRedaction(all);
}

/**
 * For `redact`: has `replacement` stand for whatever the pattern matches. What was there
 * is not in the file, and no replay brings it back.
 *
 * @throws {TypeError} if it is no pattern, or one that matches an empty text
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
      `redactPattern: expected a string in its place, got ${typeof replacement}`,
    );
  }
  // Everywhere, whatever its flags say, and a copy: its state is the caller's own.
  const flags = pattern.flags.replaceAll(/[gy]/g, "");
  const everywhere = new RegExp(pattern.source, `${flags}g`);
  if (everywhere.test("")) {
    throw new TypeError(
      `redactPattern: ${pattern} matches an empty text, which is everywhere`,
    );
  }
  return (_field, text) => text.replace(everywhere, () => replacement);
}

function placeholderFor(variable: string, text: string | null): Placeholder {
  return { name: `env:${variable}`, text, isFolder: false };
}

function ownSecret({ envs }: CommandSpec, name: string): string | null {
  const value = envs.get(name) ?? null;
  return value === null ? null : checkedSecret(name, value.toWellFormed());
}

function inheritedSecret(spec: CommandSpec, name: string): string | null {
  const { environment } = runtime();
  const value = environment.variable(name);
  const advice = `set it with env("${name}", …)`;
  if (!environment.canReadVariable(name)) {
    throw cannotRedact(
      spec,
      `${name}, which the command inherits and this program cannot read`,
      `${advice}, or grant --allow-env=${name}`,
    );
  }
  // Where a character was replaced, what a program prints is perhaps not the same.
  if (value?.includes("\ufffd")) {
    throw cannotRedact(
      spec,
      `${name}, which the command inherits and is not all UTF-8`,
      advice,
    );
  }
  // Nothing can be found of what is empty, nor has anything to be.
  return value === null || value === "" ? null : checkedSecret(name, value);
}

function inherits(
  { envs, envCleared, envInherited }: CommandSpec,
  name: string,
): boolean {
  return !envs.has(name) && (!envCleared || envInherited.includes(name));
}

/**
 * Refuses a command that has a value in its words, or its input, that it merely inherits:
 * on another machine it would be looked for in vain. What it sets is hidden on each.
 *
 * @throws {UnsupportedError} if it does
 */
export function refuseInheritedValues(
  spec: CommandSpec,
  inherited: readonly Placeholder[],
  set: readonly Placeholder[],
): void {
  const looked = inherited.filter(isKnown);
  if (looked.length === 0) return;
  const hidden = set.filter(isKnown).map(({ text }) => text);
  for (const [place, word] of textsOf(spec)) {
    for (const { name, text } of looked) {
      if (!isExposed(word, text, hidden)) continue;
      const variable = name.replace(/^env:/, "");
      throw new UnsupportedError(
        `recording a command with the value of ${variable}, which it inherits, in ${place}`,
        `set it with env("${variable}", …) as well, so that a replay knows it too`,
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
): Iterable<[place: string, word: string]> {
  yield ["the program", program.toWellFormed()];
  for (const [index, arg] of args.entries()) {
    yield [`args[${index}]`, arg.toWellFormed()];
  }
  if (cwd !== null) yield ["the working directory", cwd.toWellFormed()];
  if (stdin === "inherit") return;
  const source = stdinSourceOf(stdin);
  if (source.kind === "file") {
    yield ["the stdin file's path", source.path.toWellFormed()];
  }
  if (source.kind === "bytes") {
    yield ["its input", lossyDecoder("utf-8").decode(source.bytes)];
  }
}

/** Whether a text is anywhere in a word where `covers` do not hide all of it. */
function isExposed(
  word: string,
  text: string,
  covers: readonly string[],
): boolean {
  if (!word.includes(text)) return false;
  const spans = coveredSpans(word, covers);
  let next = 0;
  for (const start of occurrencesOf(text, word)) {
    const end = start + text.length;
    // What ends before this one does is of no use for any that comes later.
    while (next < spans.length && spans[next].end < end) next++;
    if (next === spans.length || spans[next].start > start) return true;
  }
  return false;
}

/** What is hidden of a word, from the left; what touches is one. */
function coveredSpans(
  word: string,
  covers: readonly string[],
): { readonly start: number; readonly end: number }[] {
  const all = covers.flatMap((cover) =>
    Array.from(occurrencesOf(cover, word), (start) => ({
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
  what: string,
  advice: string,
): UnsupportedError {
  return new UnsupportedError(`redacting ${what}`, advice, { program });
}

function checkedSecret(name: string, value: string): string {
  if (value.length >= SHORTEST_SECRET) return value;
  const what = value === ""
    ? "empty"
    : `only ${value.length} character${value.length === 1 ? "" : "s"} long`;
  throw new RangeError(
    `redactEnv: the value of ${name} is ${what}, and would be replaced all over the text: ` +
      `give it at least ${SHORTEST_SECRET} characters, or leave ${name} out of redactEnv`,
  );
}
