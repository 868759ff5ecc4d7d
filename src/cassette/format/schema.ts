import * as v from "valibot";
import { shortened } from "../../outcome/message_text.ts";

/** The version of the format that this build reads and writes. */
export const VERSION = 1;

const string = v.string((issue) =>
  `expected a string, got ${show(issue.input)}`
);
const boolean = v.boolean((issue) =>
  `expected true or false, got ${show(issue.input)}`
);
const strings = v.array(
  string,
  (issue) => `expected an array of strings, got ${show(issue.input)}`,
);
const stream = v.picklist(
  ["stdout", "stderr"],
  (issue) => `expected "stdout" or "stderr", got ${show(issue.input)}`,
);
const streams = v.array(
  stream,
  (issue) => `expected an array of streams, got ${show(issue.input)}`,
);
const milliseconds = v.custom<number>(
  isMilliseconds,
  (issue) =>
    `expected milliseconds as a whole number, got ${show(issue.input)}`,
);
const base64 = v.custom<string>(
  isBase64,
  (issue) =>
    `expected base64, got ${
      typeof issue.input === "string"
        ? "a string that is none"
        : show(issue.input)
    }`,
);
// Not a record of valibot's, which drops names such as `constructor`. What is there in
// the place of a digest is perhaps a value, and not shown.
const variableDigests = v.custom<Record<string, string | null>>(
  (input) =>
    Object.values(input ?? {}).every((digest) =>
      digest === null ||
      (typeof digest === "string" && /^[0-9a-f]{16}$/.test(digest))
    ),
  () => "expected 16 hexadecimal digits or null for each variable",
);
const object = (issue: v.BaseIssue<unknown>) =>
  missing(issue) ?? `expected an object, got ${show(issue.input)}`;

// To valibot an array is an object as well, with all that an array has.
const noArray = v.custom<object>(
  (input) =>
    typeof input === "object" && input !== null && !Array.isArray(input),
  object,
);

/** A piece of timed output as it stands in the file. */
export const PieceSchema = v.object({
  at: milliseconds,
  stream,
  text: string,
}, object);

/** The timing of an entry as it stands in the file. */
export const TimingSchema = v.object({
  output: v.array(
    v.pipe(noArray, PieceSchema),
    (issue) => `expected an array of pieces, got ${show(issue.input)}`,
  ),
  end: milliseconds,
}, object);

const int32 = v.custom<number>(isInt32, (issue) => {
  const isWhole = typeof issue.input === "number" &&
    Number.isInteger(issue.input);
  const expected = isWhole ? "a 32-bit integer" : "an integer";
  return `expected ${expected}, got ${show(issue.input)}`;
});
const digest = v.custom<number>(
  isDigest,
  (issue) => digestProblem(show(issue.input)),
);

/** One entry as it stands in the file. Fields beyond these are nobody's mistake. */
export const EntrySchema = v.object({
  program: string,
  args: strings,
  cwd: v.nullish(string),
  stdin_digest: v.nullish(digest),
  has_stdin: v.optional(boolean),
  env_names: v.optional(strings),
  stdout: string,
  stderr: string,
  code: v.nullish(int32),
  timed_out: v.optional(boolean),
  signal: v.nullish(int32),
  truncated_streams: v.optional(streams),
  stdout_base64: v.optional(base64),
  env_digests: v.optional(v.pipe(noArray, variableDigests)),
  timing: v.optional(v.pipe(noArray, TimingSchema)),
}, object);

/** One entry as it stands in the file. */
export type RawEntry = v.InferOutput<typeof EntrySchema>;

/** The file around its entries; a version is looked at before all else. */
export const HeadSchema = v.object({
  version: v.literal(
    VERSION,
    (issue) =>
      `found version ${
        show(issue.input)
      }, and this build reads version ${VERSION}`,
  ),
  entries: v.custom<unknown[]>(
    Array.isArray,
    (issue) => `expected an array, got ${show(issue.input)}`,
  ),
}, object);

/**
 * Whether an entry is what {@linkcode EntrySchema} accepts, with no field beyond
 * its own. "No" means "look closer".
 *
 * The schema says what is wrong, and where; asking it of every entry of a large
 * file would take longer than parsing the file does, for the copies that it makes.
 */
export function isPlainEntry(value: unknown): value is RawEntry {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return false;
  }
  const raw = value as Record<keyof RawEntry, unknown>;
  let fields = 0;
  for (const _name in raw) fields++;
  return typeof raw.program === "string" && isStrings(raw.args) &&
    typeof raw.stdout === "string" && typeof raw.stderr === "string" &&
    (raw.code == null || isInt32(raw.code)) &&
    (raw.signal == null || isInt32(raw.signal)) &&
    (raw.cwd == null || typeof raw.cwd === "string") &&
    (raw.stdin_digest == null || isDigest(raw.stdin_digest)) &&
    (raw.has_stdin === undefined || typeof raw.has_stdin === "boolean") &&
    (raw.timed_out === undefined || typeof raw.timed_out === "boolean") &&
    (raw.env_names === undefined || isStrings(raw.env_names)) &&
    // Rare enough for the schema to look at them.
    raw.truncated_streams === undefined && raw.stdout_base64 === undefined &&
    raw.env_digests === undefined && raw.timing === undefined &&
    fields === countKnown(raw);
}

function countKnown(raw: Record<keyof RawEntry, unknown>): number {
  let known = 4;
  if (raw.cwd !== undefined) known++;
  if (raw.stdin_digest !== undefined) known++;
  if (raw.has_stdin !== undefined) known++;
  if (raw.env_names !== undefined) known++;
  if (raw.code !== undefined) known++;
  if (raw.timed_out !== undefined) known++;
  if (raw.signal !== undefined) known++;
  return known;
}

function isStrings(value: unknown): value is string[] {
  if (!Array.isArray(value)) return false;
  for (let index = 0; index < value.length; index++) {
    if (typeof value[index] !== "string") return false;
  }
  return true;
}

function isInt32(value: unknown): boolean {
  return typeof value === "number" && (value | 0) === value;
}

function isMilliseconds(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isBase64(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    // What is written is what would be read again: no other way to say the same.
    return Uint8Array.fromBase64(value, { lastChunkHandling: "strict" })
      .toBase64() === value;
  } catch {
    return false;
  }
}

/** As a double: whether the exact number fits in 64 bits shows only in its digits. */
function isDigest(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && Number.isInteger(value);
}

/** Says what is wrong with a digest, as it stands in the file. */
export function digestProblem(shown: string): string {
  return `expected an integer from 0 to 18446744073709551615, got ${shown}`;
}

/** Valibot reports a missing field as an issue of the object that lacks it. */
function missing(issue: v.BaseIssue<unknown>): string | null {
  return issue.path !== undefined && issue.input === undefined
    ? "the field is missing"
    : null;
}

/** A value in a few characters: an entry's text may be long, and secret. */
function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return shortened(JSON.stringify(value), 40);
}

/** Where in the file an issue is, as one would write it in code: `entries[3].code`. */
export function locate(prefix: string, issue: v.BaseIssue<unknown>): string {
  const keys =
    issue.path?.map(({ key }) =>
      typeof key === "number" ? `[${key}]` : `.${String(key)}`
    ) ?? [];
  return `${prefix}${keys.join("")}`.replace(/^\./, "");
}
