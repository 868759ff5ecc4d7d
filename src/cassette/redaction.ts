import { checkVariableName } from "../command/checks.ts";
import type { CommandSpec } from "../command/spec.ts";
import type { RedactFunction } from "./disguise.ts";
import type { StandIn } from "./stand_ins.ts";

/** What is shorter is found all over a text, where it is no secret, and could be guessed from what is left. */
const SHORTEST_SECRET = 4;

/** Reads what only a cassette needs to know; set by {@linkcode EnvRedaction} itself. */
export let standInsOfEnv: (
  redaction: EnvRedaction,
  spec: CommandSpec,
) => StandIn[];

/** Environment variables whose values are secret; made by {@linkcode redactEnv}. */
export class EnvRedaction {
  static {
    standInsOfEnv = (redaction, spec) =>
      redaction.#names.map((name) => ({
        name: `env:${name}`,
        text: secretOf(spec, name),
        isFolder: false,
      }));
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
 * back, so that its result is as it was.
 *
 * It is the value as it is that is found, and not what the tool made of it, by base64
 * say. A value that the command merely inherits is not known here.
 *
 * A run with a value of less than 4 characters is refused with a `RangeError` before it
 * starts.
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
  if (typeof names === "string") {
    throw new TypeError("redactEnv: expected an array of names, got a string");
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

function secretOf({ envs }: CommandSpec, name: string): string | null {
  const value = envs.get(name)?.toWellFormed() ?? null;
  if (value !== null && value.length < SHORTEST_SECRET) {
    const what = value === ""
      ? "empty"
      : `only ${value.length} character${value.length === 1 ? "" : "s"} long`;
    throw new RangeError(
      `redactEnv: the value of ${name} is ${what}, and would be replaced all over the text: ` +
        `give it at least ${SHORTEST_SECRET} characters, or leave ${name} out of redactEnv`,
    );
  }
  return value;
}
