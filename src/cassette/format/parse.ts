import * as v from "valibot";
import { CassetteError } from "../../outcome/cassette_errors.ts";
import { messageOf, shortened } from "../../outcome/message_text.ts";
import { type CassetteEntry, optional } from "./entry.ts";
import { exactDigits, numbersOf, parseExactly } from "./exact_json.ts";
import {
  digestProblem,
  EntrySchema,
  HeadSchema,
  isPlainEntry,
  locate,
  type RawEntry,
} from "./schema.ts";
import { misfitOf } from "./timing.ts";
import {
  type CassetteContent,
  type Fields,
  fieldsOfEntry,
  hasUnknown,
  hasUnknownField,
  isObject,
  KNOWN_FIELDS,
  KNOWN_HEAD,
} from "./unknown_fields.ts";

/**
 * Makes a cassette of its text.
 *
 * @throws {CassetteError} `invalid-data`, saying where and what is wrong
 */
export function parseCassette(text: string, path: string): CassetteContent {
  const refuse: Refuse = (problem, cause) =>
    new CassetteError(
      path,
      "invalid-data",
      problem,
      cause === undefined ? {} : { cause },
    );
  if (text.startsWith("\ufeff")) {
    throw refuse("starts with a byte-order mark: save it as plain UTF-8");
  }
  const data = parseJson(text, refuse);
  const values = readHead(data, refuse);
  if (!hasUnknown(data, KNOWN_HEAD)) {
    const entries = readPlainEntries(
      values,
      numbersOf(text, "stdin_digest"),
      refuse,
    );
    if (entries !== null) return { entries, head: null };
  }
  try {
    return parseWithUnknownFields(text, refuse);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refuse("is nested too deeply", error);
  }
}

type Refuse = (problem: string, cause?: unknown) => CassetteError;

function parseJson(text: string, refuse: Refuse): unknown {
  try {
    return wellFormed(JSON.parse(text), text);
  } catch (error) {
    throw refuse(
      text === "" ? "the file is empty" : `is not JSON: ${messageOf(error)}`,
      error,
    );
  }
}

function readHead(data: unknown, refuse: Refuse): unknown[] {
  if (Array.isArray(data)) {
    throw refuse("the file: expected an object, got an array");
  }
  const parsed = v.safeParse(HeadSchema, data);
  if (parsed.success) return parsed.output.entries;
  const [issue] = parsed.issues;
  throw refuse(`${locate("", issue) || "the file"}: ${issue.message}`);
}

/**
 * The entries of a file that holds nothing unknown, or `null` if it does.
 *
 * A parsed digest has lost some of its digits, which are taken from the text: the
 * numbers that stand there for digests, in order. `null` also if that leaves any
 * doubt which are whose. A reviver would see the digits too, and make the parse
 * several times slower.
 */
function readPlainEntries(
  values: readonly unknown[],
  numbers: readonly string[],
  refuse: Refuse,
): CassetteEntry[] | null {
  let used = 0;
  const entries: CassetteEntry[] = [];
  for (const [index, value] of values.entries()) {
    const isPlain = isPlainEntry(value);
    if (!isPlain && hasUnknownField(value)) return null;
    const raw = isPlain ? value : validEntry(value, index, refuse);
    let digits: string | null = null;
    if (raw.stdin_digest != null) {
      digits = numbers[used++] ?? "none";
      if (Number(digits) !== raw.stdin_digest) return null;
    }
    entries.push(makeEntry(raw, index, digits, refuse));
  }
  return used === numbers.length ? entries : null;
}

/** What the schema makes of an entry. */
function validEntry(value: unknown, index: number, refuse: Refuse): RawEntry {
  if (Array.isArray(value)) {
    throw refuse(`entries[${index}]: expected an object, got an array`);
  }
  const parsed = v.safeParse(EntrySchema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw refuse(`${locate(`entries[${index}]`, issue)}: ${issue.message}`);
}

function makeEntry(
  raw: RawEntry,
  index: number,
  digits: string | null,
  refuse: Refuse,
): CassetteEntry {
  const code = raw.code ?? null;
  const timedOut = raw.timed_out ?? false;
  const signal = raw.signal ?? null;
  if (Number(code !== null) + Number(timedOut) + Number(signal !== null) > 1) {
    throw refuse(
      `entries[${index}] (${shortened(raw.program, 80)}): ${
        contradiction(code, timedOut, signal)
      }`,
    );
  }
  const { timing, stdout, stderr } = raw;
  const misfit = timing === undefined
    ? null
    : misfitOf(timing, { stdout, stderr });
  if (misfit !== null) {
    throw refuse(
      `entries[${index}].timing: its pieces of ${misfit} are not what is in "${misfit}": remove it, or record it again`,
    );
  }
  // The arrays are not frozen: on Bun that would take as long as half of the parse.
  return Object.freeze({
    program: raw.program,
    args: raw.args,
    cwd: raw.cwd ?? null,
    stdinDigest: digits === null ? null : exactDigest(digits, index, refuse),
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

/** Told apart first: an object of the four for every entry would take a while. */
function hasOptional(raw: RawEntry): boolean {
  return raw.truncated_streams !== undefined ||
    raw.stdout_base64 !== undefined || raw.env_digests !== undefined ||
    raw.timing !== undefined;
}

function optionalFields(raw: RawEntry): Partial<CassetteEntry> {
  const { truncated_streams } = raw;
  return optional({
    truncatedStreams: truncated_streams?.length === 0
      ? undefined
      : truncated_streams,
    stdoutBase64: raw.stdout_base64,
    envDigests: raw.env_digests,
    timing: raw.timing,
  });
}

function contradiction(
  code: number | null,
  timedOut: boolean,
  signal: number | null,
): string {
  const set = [
    code !== null && "code",
    timedOut && "timed_out",
    signal !== null && "signal",
  ];
  return `${
    set.filter(Boolean).join(" and ")
  } contradict each other, at most one may be set`;
}

function exactDigest(digits: string, index: number, refuse: Refuse): bigint {
  if (/^\d+$/.test(digits)) {
    const digest = BigInt(digits);
    if (digest <= LARGEST_DIGEST) return digest;
  }
  throw refuse(
    `entries[${index}].stdin_digest: ${digestProblem(shortened(digits, 80))}`,
  );
}

const LARGEST_DIGEST = 2n ** 64n - 1n;

/**
 * The slow way, for a file that holds more than this build knows of: all of it is
 * kept as it was, to the digit.
 */
function parseWithUnknownFields(text: string, refuse: Refuse): CassetteContent {
  const data = wellFormed(parseExactly(text), text) as Fields;
  const values = readHead(withPlainNumbers(data, KNOWN_HEAD), refuse);
  const entries = values.map((value, index) => {
    const raw = validEntry(
      withPlainNumbers(value, KNOWN_FIELDS),
      index,
      refuse,
    );
    const digest = (value as Fields).stdin_digest ?? null;
    const entry = makeEntry(
      raw,
      index,
      digest === null ? null : exactDigits(digest) ?? String(digest),
      refuse,
    );
    if (hasUnknownField(value)) {
      fieldsOfEntry.set(entry, value as Fields);
    }
    return entry;
  });
  return { entries, head: hasUnknown(data, KNOWN_HEAD) ? data : null };
}

/** The known fields of an object, with ordinary numbers for the schema to look at. */
function withPlainNumbers(value: unknown, known: ReadonlySet<string>): unknown {
  if (!isObject(value) || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => known.has(name)).map((
      [name, field],
    ) => [name, name === "entries" ? field : plain(field)]),
  );
}

function plain(value: unknown): unknown {
  const digits = exactDigits(value);
  if (digits !== null) return Number(digits);
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, plain(field)]),
  );
}

/** Makes every string well-formed, if the text shows that one may not be. */
function wellFormed(data: unknown, text: string): unknown {
  return (text.includes("\\u") && LONE_SURROGATE.test(text)) ||
      !text.isWellFormed()
    ? mapStrings(data)
    : data;
}

/** An escape that may be half of a character. */
const LONE_SURROGATE = /\\u[dD][89a-fA-F]/;

function mapStrings(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(mapStrings);
  if (!isObject(value) || exactDigits(value) !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map((
      [name, field],
    ) => [name.toWellFormed(), mapStrings(field)]),
  );
}
