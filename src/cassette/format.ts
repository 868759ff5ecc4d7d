import * as v from "valibot";
import { CassetteError, messageOf } from "../outcome/errors.ts";
import type { CassetteEntry } from "./entry.ts";
import { exactDigits, exactNumber, numbersOf, parseExactly } from "./json.ts";
import {
  EntrySchema,
  HeadSchema,
  locate,
  type RawEntry,
  VERSION,
} from "./schema.ts";

/** A cassette's content. */
export interface CassetteContent {
  readonly entries: readonly CassetteEntry[];
  /** The file's own fields as they were, when there were more than the known ones. */
  readonly head: Fields | null;
}

/** A JSON object as it was read, exact numbers and unknown fields included. */
type Fields = Readonly<Record<string, unknown>>;

/** For an entry with unknown fields: all of its fields as they were, so that they can be written again. */
const fieldsOfEntry = new WeakMap<CassetteEntry, Fields>();

const KNOWN_HEAD: ReadonlySet<string> = new Set(
  Object.keys(HeadSchema.entries),
);
const KNOWN_FIELDS: ReadonlySet<string> = new Set(
  Object.keys(EntrySchema.entries),
);

/**
 * Makes a cassette of its text.
 *
 * @throws {CassetteError} `invalid-data`, saying where and what is wrong
 */
export function parseCassette(text: string, path: string): CassetteContent {
  const refuse = (problem: string, cause?: unknown) =>
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
  const head = readHead(data, refuse);
  const digests = exactDigests(text, head.entries);
  const hasMore = hasUnknown(data as Fields, KNOWN_HEAD) ||
    head.entries.some(hasUnknownFields);
  if (digests !== null && !hasMore) {
    return {
      entries: head.entries.map((raw, index) =>
        readEntry(raw, index, digests[index], refuse)
      ),
      head: null,
    };
  }
  return parseWithUnknownFields(text, refuse);
}

/** A cassette as the text of a file. */
export function printCassette({ entries, head }: CassetteContent): string {
  const known = { version: VERSION, entries: entries.map(printable) };
  return JSON.stringify(head === null ? known : merged(head, known), null, 2);
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

function readHead(data: unknown, refuse: Refuse): { entries: unknown[] } {
  if (Array.isArray(data)) {
    throw refuse("the file: expected an object, got an array");
  }
  const parsed = v.safeParse(HeadSchema, data);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw refuse(`${locate("", issue) || "the file"}: ${issue.message}`);
}

function readEntry(
  value: unknown,
  index: number,
  digits: string | null,
  refuse: Refuse,
): CassetteEntry {
  if (Array.isArray(value)) {
    throw refuse(`entries[${index}]: expected an object, got an array`);
  }
  const parsed = v.safeParse(EntrySchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw refuse(`${locate(`entries[${index}]`, issue)}: ${issue.message}`);
  }
  const raw = parsed.output;
  const set = OUTCOMES.filter((field) =>
    raw[field] != null && raw[field] !== false
  );
  if (set.length > 1) {
    throw refuse(
      `entries[${index}] (${shortened(raw.program)}): ${
        set.join(" and ")
      } contradict each other, at most one may be set`,
    );
  }
  return makeEntry(raw, exactDigest(digits, index, refuse));
}

const OUTCOMES = ["code", "timed_out", "signal"] as const;

function makeEntry(raw: RawEntry, stdinDigest: bigint | null): CassetteEntry {
  return Object.freeze({
    program: raw.program,
    args: Object.freeze(raw.args),
    cwd: raw.cwd ?? null,
    stdinDigest,
    hasStdin: raw.has_stdin ?? false,
    envNames: Object.freeze(raw.env_names ?? []),
    stdout: raw.stdout,
    stderr: raw.stderr,
    code: raw.code ?? null,
    timedOut: raw.timed_out ?? false,
    signal: raw.signal ?? null,
  });
}

function exactDigest(
  digits: string | null,
  index: number,
  refuse: Refuse,
): bigint | null {
  if (digits === null) return null;
  if (/^\d+$/.test(digits)) {
    const digest = BigInt(digits);
    if (digest < 2n ** 64n) return digest;
  }
  throw refuse(
    `entries[${index}].stdin_digest: expected an integer from 0 to 18446744073709551615, got ${
      shortened(digits)
    }`,
  );
}

/**
 * The digits of every entry's `stdin_digest`, `null` where it has none, taken from
 * the text: a parsed number has lost some of them. `null` in all if the text
 * leaves any doubt which digits are whose.
 *
 * A reviver would see the digits too, and make the parse several times slower.
 */
function exactDigests(
  text: string,
  entries: readonly unknown[],
): (string | null)[] | null {
  const numbers = numbersOf(text, "stdin_digest");
  let used = 0;
  let doubtful = false;
  const digests = entries.map((entry) => {
    const parsed = digestOf(entry);
    if (typeof parsed !== "number") return null;
    const digits = numbers[used++] ?? "";
    doubtful ||= Number(digits) !== parsed;
    return digits;
  });
  return doubtful || used !== numbers.length ? null : digests;
}

function digestOf(entry: unknown): unknown {
  return isObject(entry) && Object.hasOwn(entry, "stdin_digest")
    ? entry.stdin_digest
    : undefined;
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

function hasUnknownFields(entry: unknown): boolean {
  return isObject(entry) && hasUnknown(entry, KNOWN_FIELDS);
}

function hasUnknown(fields: Fields, known: ReadonlySet<string>): boolean {
  for (const name in fields) if (!known.has(name)) return true;
  return false;
}

/**
 * The slow way, for a file that holds more than this build knows of: all of it is
 * kept as it was, to the digit.
 */
function parseWithUnknownFields(text: string, refuse: Refuse): CassetteContent {
  const data = wellFormed(parseExactly(text), text) as Fields;
  const head = readHead(withPlainNumbers(data, KNOWN_HEAD), refuse);
  const entries = head.entries.map((value, index) => {
    const digest = digestOf(value);
    const digits = exactDigits(digest) ??
      (typeof digest === "number" ? String(digest) : null);
    const entry = readEntry(
      isObject(value) ? withPlainNumbers(value, KNOWN_FIELDS) : value,
      index,
      digits,
      refuse,
    );
    if (hasUnknownFields(value)) fieldsOfEntry.set(entry, value as Fields);
    return entry;
  });
  return { entries, head: hasUnknown(data, KNOWN_HEAD) ? data : null };
}

/** The known fields of an object, with ordinary numbers for the schema to look at. */
function withPlainNumbers(fields: Fields, known: ReadonlySet<string>): unknown {
  if (Array.isArray(fields)) return fields;
  const plain = Object.entries(fields).filter(([name]) => known.has(name)).map(
    ([name, value]) => {
      const digits = exactDigits(value);
      return [name, digits === null ? value : Number(digits)];
    },
  );
  return Object.fromEntries(plain);
}

/** An entry's fields in the order in which they are written, without those that need not be. */
function printable(entry: CassetteEntry): unknown {
  const known: Record<string, unknown> = {
    program: entry.program,
    args: entry.args,
  };
  if (entry.cwd !== null) known.cwd = entry.cwd;
  if (entry.stdinDigest !== null) {
    known.stdin_digest = exactNumber(String(entry.stdinDigest));
  }
  if (entry.hasStdin) known.has_stdin = true;
  if (entry.envNames.length > 0) known.env_names = entry.envNames;
  known.stdout = entry.stdout;
  known.stderr = entry.stderr;
  known.code = entry.code;
  if (entry.timedOut) known.timed_out = true;
  if (entry.signal !== null) known.signal = entry.signal;
  const fields = fieldsOfEntry.get(entry);
  return fields === undefined ? known : merged(fields, known, KNOWN_FIELDS);
}

/**
 * `known` with the other fields in the places that they had in `fields`. What was
 * there for a known field and need not be written goes; what was not and must be
 * comes last.
 */
function merged(
  fields: Fields,
  known: Fields,
  knownNames: ReadonlySet<string> = KNOWN_HEAD,
): unknown {
  const kept = Object.keys(fields).filter((name) =>
    Object.hasOwn(known, name) || !knownNames.has(name)
  );
  const added = Object.keys(known).filter((name) =>
    !Object.hasOwn(fields, name)
  );
  // `fromEntries` and not assignment: a field may be called `__proto__`.
  return Object.fromEntries(
    [...kept, ...added].map((
      name,
    ) => [name, Object.hasOwn(known, name) ? known[name] : fields[name]]),
  );
}

/** Makes every string well-formed, if the text shows that one may not be. */
function wellFormed(data: unknown, text: string): unknown {
  return LONE_SURROGATE.test(text) || !text.isWellFormed()
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

function shortened(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
