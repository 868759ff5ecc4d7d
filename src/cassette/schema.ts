import * as v from "valibot";

/** The version of the format that this build reads and writes. */
export const VERSION = 1;

const isInt32 = (value: unknown) =>
  typeof value === "number" && (value | 0) === value;
// As a double: whether the exact number fits in 64 bits shows only in its digits.
const isWhole = (value: unknown) =>
  typeof value === "number" && value >= 0 && Number.isInteger(value);

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
const int32 = v.custom<number>(
  isInt32,
  (issue) =>
    typeof issue.input === "number" && Number.isInteger(issue.input)
      ? `expected a 32-bit integer, got ${issue.input}`
      : `expected an integer, got ${show(issue.input)}`,
);
const digest = v.custom<number>(
  isWhole,
  (issue) =>
    `expected an integer from 0 to 18446744073709551615, got ${
      show(issue.input)
    }`,
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
}, (issue) => missing(issue) ?? `expected an object, got ${show(issue.input)}`);

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
  entries: v.array(
    v.unknown(),
    (issue) => `expected an array, got ${show(issue.input)}`,
  ),
}, (issue) => missing(issue) ?? `expected an object, got ${show(issue.input)}`);

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
  const text = JSON.stringify(value);
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}

/** Where in the file an issue is, as one would write it in code: `entries[3].code`. */
export function locate(prefix: string, issue: v.BaseIssue<unknown>): string {
  const keys =
    issue.path?.map(({ key }) =>
      typeof key === "number" ? `[${key}]` : `.${String(key)}`
    ) ?? [];
  return `${prefix}${keys.join("")}`.replace(/^\./, "");
}
