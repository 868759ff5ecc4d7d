import type { CassetteEntry } from "./entry.ts";
import {
  EntrySchema,
  HeadSchema,
  PieceSchema,
  TimingSchema,
} from "./schema.ts";

/** A cassette's content. */
export interface CassetteContent {
  readonly entries: readonly CassetteEntry[];
  /** The file's own fields as they were, when there were more than the known ones. */
  readonly head: Fields | null;
}

/** A JSON object as it was read, exact numbers and unknown fields included. */
export type Fields = Readonly<Record<string, unknown>>;

/** For an entry with unknown fields: all of its fields as they were, so that they can be written again. */
export const fieldsOfEntry = new WeakMap<CassetteEntry, Fields>();

/** The fields of the file around its entries. */
export const KNOWN_HEAD: ReadonlySet<string> = new Set(
  Object.keys(HeadSchema.entries),
);
/** The fields of an entry. */
export const KNOWN_FIELDS: ReadonlySet<string> = new Set(
  Object.keys(EntrySchema.entries),
);

const KNOWN_TIMING = new Set(Object.keys(TimingSchema.entries));
const KNOWN_PIECE = new Set(Object.keys(PieceSchema.entries));

/** Whether an entry has a field that is not known, at any level. */
export function hasUnknownField(value: unknown): boolean {
  if (hasUnknown(value, KNOWN_FIELDS)) return true;
  const timing = isObject(value) ? value.timing : undefined;
  if (!isObject(timing)) return false;
  const { output } = timing;
  return hasUnknown(timing, KNOWN_TIMING) ||
    (Array.isArray(output) &&
      output.some((piece) => hasUnknown(piece, KNOWN_PIECE)));
}

/** Whether a value has fields at all. */
export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

/** Whether a value has a field that is not among the known ones. */
export function hasUnknown(
  value: unknown,
  known: ReadonlySet<string>,
): boolean {
  return isObject(value) && Object.keys(value).some((name) => !known.has(name));
}

/**
 * `known` with the other fields in the places that they had in `fields`. What was
 * there for a known field and need not be written goes; what was not and must be
 * comes last.
 */
export function merged(
  fields: Fields,
  known: Fields,
  knownNames: ReadonlySet<string>,
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
