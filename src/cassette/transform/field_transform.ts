import type { CassetteField, CassetteKey } from "../format/entry.ts";
import type { Placeholders } from "./placeholders.ts";

/** Returns the text to store in place of `text`. Of `"stdin"`, only the digest is stored. */
export type RedactFunction = (field: CassetteField, text: string) => string;

/** Returns the key to store and to match in place of `key`. */
export type NormalizeFunction = (key: CassetteKey) => CassetteKey;

/**
 * Rewrites the texts of one command on the way into the cassette, and restores the
 * reversible placeholders on the way out.
 */
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

  /** Whether {@linkcode FieldTransform.sanitize} changes nothing but lone surrogates. */
  get isIdentity(): boolean {
    return this.#placeholders === null && this.#redactions.length === 0;
  }

  /** Whether the program, arguments and working directory can be restored from the file. */
  get isReversible(): boolean {
    return this.#normalizers.length === 0 && this.#redactions.length === 0;
  }

  /** Returns the text to store in the cassette, with lone surrogates replaced. */
  sanitize(field: CassetteField, text: string): string {
    // Also replaced before the search, because the texts that are searched for are well-formed.
    const wellFormed = text.toWellFormed();
    return this.isIdentity
      ? wellFormed
      : this.sanitizeKeepingSurrogates(field, wellFormed).toWellFormed();
  }

  /**
   * Like {@linkcode FieldTransform.sanitize}, but keeps lone surrogates, which stand for
   * bytes that are not UTF-8.
   */
  sanitizeKeepingSurrogates(field: CassetteField, text: string): string {
    let sanitized = this.#placeholders?.insert(text) ?? text;
    for (const redact of this.#redactions) {
      sanitized = checkedText(redact(field, sanitized));
    }
    return sanitized;
  }

  /** Replaces the placeholders in a stored text with the values that they stand for. */
  restore(text: string): string {
    return this.#placeholders?.restore(text) ?? text;
  }

  /** Applies the caller's `normalize` functions to a key whose texts are already sanitized. */
  normalizeKey(key: CassetteKey): CassetteKey {
    return this.#normalizers.reduce(
      (key, normalize) => checkedKey(normalize(Object.freeze(key))),
      key,
    );
  }
}

/** A transform without placeholders and functions. */
export const IDENTITY = new FieldTransform(null, [], []);

function checkedText(text: unknown): string {
  if (typeof text === "string") return text;
  throw new TypeError(
    `redact: expected the function to return a string, got ${typeof text}`,
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
        "{ program, args, cwd, hasStdin, stdinDigest }, like its argument",
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
