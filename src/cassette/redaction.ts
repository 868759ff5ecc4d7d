import { checkVariableName } from "../command/checks.ts";
import type { CommandSpec } from "../command/spec.ts";
import { UnsupportedError } from "../outcome/errors.ts";
import { runtime } from "../runtime/detect.ts";
import type { RedactFunction } from "./disguise.ts";
import type { StandIn } from "./stand_ins.ts";

/** What is shorter is found all over a text, where it is no secret, and could be guessed from what is left. */
const SHORTEST_SECRET = 4;

/** What stands in for the values that a command's variables have; set by {@linkcode EnvRedaction} itself. */
export let standInsOfEnv: (
  redaction: EnvRedaction,
  spec: CommandSpec,
) => StandIn[];

/** Refuses a command with a value that would not be found in what it prints; set by {@linkcode EnvRedaction} itself. */
export let checkSecretsAreKnown: (
  redaction: EnvRedaction,
  spec: CommandSpec,
) => void;

/** Environment variables whose values are secret; made by {@linkcode redactEnv}. */
export class EnvRedaction {
  static {
    standInsOfEnv = (redaction, spec) =>
      redaction.#names.map((name) => ({
        name: `env:${name}`,
        text: secretOf(spec, name),
        isFolder: false,
      }));
    checkSecretsAreKnown = (redaction, spec) => {
      for (const name of redaction.#names) {
        if (!inherits(spec, name)) continue;
        const { surroundings } = runtime();
        if (!surroundings.mayReadVariable(name)) throw unreadable(spec, name);
        const value = surroundings.variable(name);
        if (value) checkedSecret(name, value);
      }
    };
  }

  readonly #names: readonly string[];

  /** Use {@linkcode redactEnv}. */
  constructor(names: readonly string[]) {
    this.#names = names;
  }
}

/**
 * For `redact`: has `<env:API_TOKEN>` stand for the value that the variable has for a
 * command, wherever that is echoed: in arguments, the working directory, the input that
 * is digested, and both outputs. A replay puts the replaying command's own value back, so
 * that its result is as it was.
 *
 * It is the value as it is that is found, and not what the tool made of it, by base64
 * say.
 *
 * A run with a value of less than 4 characters is refused with a `RangeError` before it
 * starts, and so is, with an `UnsupportedError`, the recording of one that inherits a
 * variable that this program may not read: on Deno grant `--allow-env=API_TOKEN`, or have
 * the command set or remove it. A replay needs no such permission: where the variable is
 * inherited and is not there, too short or may not be read, `<env:API_TOKEN>` stays.
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
      `redactEnv: expected an array of names, got ${
        typeof names === "string" ? "a string" : String(names)
      }`,
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
 * @throws {TypeError} if it is no pattern, or one that matches an empty text; a run in whose texts it
 *   matches one is refused with the same
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
  const redact = (_field: unknown, text: string) =>
    text.replace(everywhere, (match) => {
      if (match !== "") return replacement;
      throw new TypeError(
        `redactPattern: ${pattern} matches an empty text, which is everywhere`,
      );
    });
  redact("", "");
  return redact;
}

function secretOf(spec: CommandSpec, name: string): string | null {
  if (!inherits(spec, name)) {
    const value = spec.envs.get(name) ?? null;
    return value === null ? null : checkedSecret(name, value.toWellFormed());
  }
  // What the machine has by chance is to fail no replay.
  const value = runtime().surroundings.variable(name)?.toWellFormed() ?? "";
  return value.length < SHORTEST_SECRET ? null : value;
}

function inherits(
  { envs, envCleared, envInherited }: CommandSpec,
  name: string,
): boolean {
  return !envs.has(name) && (!envCleared || envInherited.includes(name));
}

function unreadable({ program }: CommandSpec, name: string): UnsupportedError {
  return new UnsupportedError(
    `redacting ${name}, which the command inherits and this program may not read`,
    `grant --allow-env=${name}, or have the command set or remove it`,
    { program },
  );
}

function isIterable(value: unknown): boolean {
  return typeof (value as Iterable<unknown> | null | undefined)
    ?.[Symbol.iterator] === "function";
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
