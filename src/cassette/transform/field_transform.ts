import type { CommandSpec } from "../../command/spec.ts";
import type { CassetteField, CassetteKey } from "../format/entry.ts";
import type { Placeholders } from "./placeholders.ts";

/** Makes what may be kept of a text that is about to be. */
export type RedactFunction = (field: CassetteField, text: string) => string;

/** Makes the key that is kept, and matched, of the one a command has. */
export type NormalizeFunction = (key: CassetteKey) => CassetteKey;

/** How the texts of one command look in the file, and what they were. */
export class FieldTransform {
  readonly #placeholders: Placeholders | null;
  readonly #normalizers: readonly NormalizeFunction[];
  readonly #redactions: readonly RedactFunction[];

  constructor(
    placeholders: Placeholders | null,
    normalizers: readonly NormalizeFunction[],
    redactions: readonly RedactFunction[],
  ) {
    this.#placeholders = placeholders;
    this.#normalizers = normalizers;
    this.#redactions = redactions;
  }

  /** Whether every text stays as it is. */
  get isIdentity(): boolean {
    return this.#placeholders === null && this.#redactions.length === 0;
  }

  /** Whether the words in the file tell what they were. */
  get isReversible(): boolean {
    return this.#normalizers.length === 0 && this.#redactions.length === 0;
  }

  /** A text as it is in the file. */
  sanitize(field: CassetteField, text: string): string {
    // Before as well: what is looked for is well-formed.
    const wellFormed = text.toWellFormed();
    return this.isIdentity
      ? wellFormed
      : this.sanitizeKeepingSurrogates(field, wellFormed).toWellFormed();
  }

  /** Like {@linkcode FieldTransform.sanitize}, with the halves of characters left as they are. */
  sanitizeKeepingSurrogates(field: CassetteField, text: string): string {
    let hidden = this.#placeholders?.insert(text) ?? text;
    for (const redact of this.#redactions) {
      hidden = checkedText("redact", redact(field, hidden));
    }
    return hidden;
  }

  /** A text of the file as the command is to see it: what stood in for something is that again. */
  restore(text: string): string {
    return this.#placeholders?.restore(text) ?? text;
  }

  /** The key as it is in the file, of one whose texts are. */
  normalizeKey(key: CassetteKey): CassetteKey {
    return this.#normalizers.reduce(
      (key, normalize) => checkedKey(normalize(Object.freeze(key))),
      key,
    );
  }
}

/** What changes nothing. */
export const IDENTITY = new FieldTransform(null, [], []);

/** Makes the transform of a command. */
export type TransformOf = (spec: CommandSpec) => FieldTransform;

function checkedText(what: string, text: unknown): string {
  if (typeof text === "string") return text;
  throw new TypeError(
    `${what}: expected the function to return a string, got ${typeof text}`,
  );
}

function checkedKey(value: unknown): CassetteKey {
  const key = value as CassetteKey;
  const isKey = typeof value === "object" && value !== null &&
    typeof key.program === "string" && Array.isArray(key.args) &&
    key.args.every((arg) => typeof arg === "string") &&
    (key.cwd === null || typeof key.cwd === "string") &&
    typeof key.hasStdin === "boolean" &&
    (key.stdinDigest === null || typeof key.stdinDigest === "bigint");
  if (!isKey) {
    throw new TypeError(
      "normalize: expected the function to return a key: " +
        "{ program, args, cwd, hasStdin, stdinDigest }, as it was given one",
    );
  }
  return {
    program: key.program.toWellFormed(),
    args: key.args.map((arg) => arg.toWellFormed()),
    cwd: key.cwd?.toWellFormed() ?? null,
    hasStdin: key.hasStdin,
    stdinDigest: key.stdinDigest === null
      ? null
      : BigInt.asUintN(64, key.stdinDigest),
  };
}
