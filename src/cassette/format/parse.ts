import * as v from "valibot";
import { CassetteError } from "../../outcome/cassette_errors.ts";
import { messageOf, shortened } from "../../outcome/message_text.ts";
import { type CassetteEntry, definedFields } from "./entry.ts";
import { exactDigits, numberLiteralsOf, parseExactly } from "./exact_json.ts";
import {
  digestProblem,
  EntrySchema,
  FileSchema,
  isPlainEntry,
  locate,
  type RawEntry,
} from "./schema.ts";
import { mismatchedStream } from "./timing.ts";
import {
  type CassetteContent,
  ENTRY_FIELDS,
  type Fields,
  FILE_FIELDS,
  hasUnknownField,
  hasUnknownName,
  isObject,
  originalFields,
} from "./unknown_fields.ts";

/**
 * Parses the text of a cassette file.
 *
 * @throws {CassetteError} with the reason `"invalid-data"`, naming the place and the
 *   problem, if the text is not a valid cassette
 */
export function parseCassette(text: string, path: string): CassetteContent {
  const invalid: InvalidData = (problem, cause) =>
    new CassetteError(
      path,
      "invalid-data",
      problem,
      cause === undefined ? {} : { cause },
    );
  if (text.startsWith("\ufeff")) {
    throw invalid(
      "starts with a byte-order mark; save it as UTF-8 without one",
    );
  }
  const data = parseJson(text, invalid);
  const values = entriesOf(data, invalid);
  if (!hasUnknownName(data, FILE_FIELDS)) {
    const entries = parseKnownEntries(
      values,
      numberLiteralsOf(text, "stdin_digest"),
      invalid,
    );
    if (entries !== null) return { entries, fileFields: null };
  }
  try {
    return parseWithUnknownFields(text, invalid);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid("is nested too deeply; remove the deep field", error);
  }
}

/** Creates the error for a problem of the text that is parsed. */
type InvalidData = (problem: string, cause?: unknown) => CassetteError;

function parseJson(text: string, invalid: InvalidData): unknown {
  try {
    return wellFormed(JSON.parse(text), text);
  } catch (error) {
    throw invalid(
      text === "" ? "the file is empty" : `is not JSON: ${messageOf(error)}`,
      error,
    );
  }
}

/** Checks the fields of the file and returns the unchecked values of `entries`. */
function entriesOf(data: unknown, invalid: InvalidData): unknown[] {
  if (Array.isArray(data)) {
    throw invalid("the file: expected an object, got an array");
  }
  const parsed = v.safeParse(FileSchema, data);
  if (parsed.success) return parsed.output.entries;
  const [issue] = parsed.issues;
  throw invalid(`${locate("", issue) || "the file"}: ${issue.message}`);
}

/**
 * Parses the entries of a file without unknown fields. Returns `null` if an entry has an
 * unknown field.
 *
 * `JSON.parse` rounds a 64-bit digest to a double. So the exact digits are taken from
 * `literals`: the numbers that follow the digest's key in the text, in order. A reviver
 * would also see the digits, but makes the parse several times slower. If the literals
 * cannot be assigned to the entries without doubt, this returns `null` too.
 */
function parseKnownEntries(
  values: readonly unknown[],
  literals: readonly string[],
  invalid: InvalidData,
): CassetteEntry[] | null {
  let used = 0;
  const entries: CassetteEntry[] = [];
  for (const [index, value] of values.entries()) {
    const isPlain = isPlainEntry(value);
    if (!isPlain && hasUnknownField(value)) return null;
    const raw = isPlain ? value : validEntry(value, index, invalid);
    let digits: string | null = null;
    if (raw.stdin_digest != null) {
      digits = literals[used++] ?? "none";
      if (Number(digits) !== raw.stdin_digest) return null;
    }
    entries.push(makeEntry(raw, index, digits, invalid));
  }
  return used === literals.length ? entries : null;
}

/** Checks an entry against the schema. */
function validEntry(
  value: unknown,
  index: number,
  invalid: InvalidData,
): RawEntry {
  if (Array.isArray(value)) {
    throw invalid(`entries[${index}]: expected an object, got an array`);
  }
  const parsed = v.safeParse(EntrySchema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw invalid(`${locate(`entries[${index}]`, issue)}: ${issue.message}`);
}

function makeEntry(
  raw: RawEntry,
  index: number,
  digits: string | null,
  invalid: InvalidData,
): CassetteEntry {
  const code = raw.code ?? null;
  const timedOut = raw.timed_out ?? false;
  const signal = raw.signal ?? null;
  if (Number(code !== null) + Number(timedOut) + Number(signal !== null) > 1) {
    throw invalid(
      `entries[${index}] (${shortened(raw.program, 80)}): ${
        conflictOf(code, timedOut, signal)
      }`,
    );
  }
  const { timing, stdout, stderr } = raw;
  const mismatched = timing === undefined
    ? null
    : mismatchedStream(timing, { stdout, stderr });
  if (mismatched !== null) {
    throw invalid(
      `entries[${index}].timing: the pieces of ${mismatched} do not add up to "${mismatched}"; ` +
        'remove "timing", or record the cassette again',
    );
  }
  // The arrays are not frozen: on Bun, freezing them takes half as long as the whole parse.
  return Object.freeze({
    program: raw.program,
    args: raw.args,
    cwd: raw.cwd ?? null,
    stdinDigest: digits === null ? null : exactDigest(digits, index, invalid),
    hasStdin: raw.has_stdin ?? false,
    envNames: raw.env_names ?? [],
    stdout,
    stderr,
    code,
    timedOut,
    signal,
    ...(hasOptional(raw) ? optionalFields(raw) : null),
  });
}

/**
 * Returns whether an entry has any of the rare fields. Most entries have none, and
 * creating the object of {@linkcode optionalFields} for each of them is slow.
 */
function hasOptional(raw: RawEntry): boolean {
  return raw.truncated_streams !== undefined ||
    raw.stdout_base64 !== undefined || raw.env_digests !== undefined ||
    raw.timing !== undefined;
}

function optionalFields(raw: RawEntry): Partial<CassetteEntry> {
  const { truncated_streams } = raw;
  return definedFields({
    truncatedStreams: truncated_streams?.length === 0
      ? undefined
      : truncated_streams,
    stdoutBase64: raw.stdout_base64,
    envDigests: raw.env_digests,
    timing: raw.timing,
  });
}

function conflictOf(
  code: number | null,
  timedOut: boolean,
  signal: number | null,
): string {
  const names = [
    code !== null && '"code"',
    timedOut && '"timed_out"',
    signal !== null && '"signal"',
  ].filter(Boolean);
  return names.length === 2
    ? `${names.join(" and ")} are both set; remove one`
    : `${names.join(", ")} are all set; keep one`;
}

function exactDigest(
  digits: string,
  index: number,
  invalid: InvalidData,
): bigint {
  if (/^\d+$/.test(digits)) {
    const digest = BigInt(digits);
    if (digest <= LARGEST_DIGEST) return digest;
  }
  throw invalid(
    `entries[${index}].stdin_digest: ${digestProblem(shortened(digits, 80))}`,
  );
}

const LARGEST_DIGEST = 2n ** 64n - 1n;

/**
 * Parses a file with unknown fields and keeps them, with every digit of their numbers.
 * Much slower than {@linkcode parseKnownEntries}.
 */
function parseWithUnknownFields(
  text: string,
  invalid: InvalidData,
): CassetteContent {
  const data = wellFormed(parseExactly(text), text) as Fields;
  const values = entriesOf(knownFieldsOf(data, FILE_FIELDS), invalid);
  const entries = values.map((value, index) => {
    const raw = validEntry(knownFieldsOf(value, ENTRY_FIELDS), index, invalid);
    const digest = (value as Fields).stdin_digest ?? null;
    const entry = makeEntry(
      raw,
      index,
      digest === null ? null : exactDigits(digest) ?? String(digest),
      invalid,
    );
    if (hasUnknownField(value)) {
      originalFields.set(entry, value as Fields);
    }
    return entry;
  });
  return {
    entries,
    fileFields: hasUnknownName(data, FILE_FIELDS) ? data : null,
  };
}

/** The known fields of an object, with ordinary numbers, which the schema expects. */
function knownFieldsOf(value: unknown, known: ReadonlySet<string>): unknown {
  if (!isObject(value) || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => known.has(name)).map((
      [name, field],
    ) => [name, name === "entries" ? field : withOrdinaryNumbers(field)]),
  );
}

function withOrdinaryNumbers(value: unknown): unknown {
  const digits = exactDigits(value);
  if (digits !== null) return Number(digits);
  if (Array.isArray(value)) return value.map(withOrdinaryNumbers);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map((
      [name, field],
    ) => [name, withOrdinaryNumbers(field)]),
  );
}

/**
 * Replaces lone surrogates in every string of the parsed data. The data is searched only if
 * the text shows that it may contain one.
 */
function wellFormed(data: unknown, text: string): unknown {
  return (text.includes("\\u") && SURROGATE_ESCAPE.test(text)) ||
      !text.isWellFormed()
    ? withWellFormedStrings(data)
    : data;
}

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

function withWellFormedStrings(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(withWellFormedStrings);
  if (!isObject(value) || exactDigits(value) !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map((
      [name, field],
    ) => [name.toWellFormed(), withWellFormedStrings(field)]),
  );
}
