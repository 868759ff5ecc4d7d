import * as v from "valibot";
import { shortened } from "../../outcome/message_text.ts";

/** The version of the cassette format that this library reads and writes. */
export const FORMAT_VERSION = 1;

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
      typeof issue.input === "string" ? "an invalid string" : show(issue.input)
    }`,
);
// Not `v.record`, which drops names such as `constructor`. The message does not show the
// value: in place of a digest there may be a secret.
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

// `v.object` accepts an array.
const notArray = v.custom<object>(
  (input) =>
    typeof input === "object" && input !== null && !Array.isArray(input),
  object,
);

/** A piece of timed output in the file. */
export const PieceSchema = v.object({
  at: milliseconds,
  stream,
  text: string,
}, object);

/** The timing of an entry in the file. */
export const TimingSchema = v.object({
  output: v.array(
    v.pipe(notArray, PieceSchema),
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

/** An entry in the file. Unknown fields are valid, and are ignored here. */
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
  env_digests: v.optional(v.pipe(notArray, variableDigests)),
  timing: v.optional(v.pipe(notArray, TimingSchema)),
}, object);

/** The type of a valid entry in the file. */
export type RawEntry = v.InferOutput<typeof EntrySchema>;

/**
 * The top-level fields of the file. The version comes first: the first problem found is
 * reported, and a file of another version may differ in everything else.
 */
export const FileSchema = v.object({
  version: v.literal(
    FORMAT_VERSION,
    (issue) =>
      `found version ${
        show(issue.input)
      }, but this library reads only version ${FORMAT_VERSION}`,
  ),
  entries: v.custom<unknown[]>(
    Array.isArray,
    (issue) => `expected an array, got ${show(issue.input)}`,
  ),
}, object);

/**
 * Returns whether an entry is certainly valid and has only common fields. If not, it may
 * still be valid: {@linkcode EntrySchema} must decide.
 *
 * This fast path exists because the schema copies what it checks: for the entries of a
 * large file, that takes longer than parsing the JSON.
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
    // The rare fields are left to the schema.
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
    // Only the canonical form is valid, so that reading and writing keeps the text.
    return Uint8Array.fromBase64(value, { lastChunkHandling: "strict" })
      .toBase64() === value;
  } catch {
    return false;
  }
}

/** Checks the digest as a double. Whether it fits in 64 bits is checked on its exact digits. */
function isDigest(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && Number.isInteger(value);
}

/** Returns the problem with a digest for a message. `shown` is the value in the file. */
export function digestProblem(shown: string): string {
  return `expected an integer from 0 to 18446744073709551615, got ${shown}`;
}

/** The message for a missing field, which valibot reports as an issue of the containing object. */
function missing(issue: v.BaseIssue<unknown>): string | null {
  return issue.path !== undefined && issue.input === undefined
    ? "the field is missing"
    : null;
}

/** A value for a message. At most 40 characters are shown: a text may be long, and secret. */
function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return shortened(JSON.stringify(value), 40);
}

/** Returns the place of an issue as a path, such as `entries[3].code`. */
export function locate(prefix: string, issue: v.BaseIssue<unknown>): string {
  const keys =
    issue.path?.map(({ key }) =>
      typeof key === "number" ? `[${key}]` : `.${String(key)}`
    ) ?? [];
  return `${prefix}${keys.join("")}`.replace(/^\./, "");
}
