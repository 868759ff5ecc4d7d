import type { CassetteEntry } from "./entry.ts";
import {
  EntrySchema,
  FileSchema,
  PieceSchema,
  TimingSchema,
} from "./schema.ts";

/** The content of a cassette file. */
export interface CassetteContent {
  readonly entries: readonly CassetteEntry[];
  /** All top-level fields of the file, as parsed; `null` if all of them are known. */
  readonly fileFields: Fields | null;
}

/** A JSON object as parsed, with exact numbers and unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

/**
 * For an entry with unknown fields, all of its fields as parsed. They are kept beside the
 * entry, so that printing writes the unknown fields again.
 */
export const originalFields = new WeakMap<CassetteEntry, Fields>();

/** The names of the known top-level fields of a file. */
export const FILE_FIELDS: ReadonlySet<string> = new Set(
  Object.keys(FileSchema.entries),
);
/** The names of the known fields of an entry. */
export const ENTRY_FIELDS: ReadonlySet<string> = new Set(
  Object.keys(EntrySchema.entries),
);

const TIMING_FIELDS = new Set(Object.keys(TimingSchema.entries));
const PIECE_FIELDS = new Set(Object.keys(PieceSchema.entries));

/** Returns whether an entry has an unknown field, at any level. */
export function hasUnknownField(value: unknown): boolean {
  if (hasUnknownName(value, ENTRY_FIELDS)) return true;
  const timing = isObject(value) ? value.timing : undefined;
  if (!isObject(timing)) return false;
  const { output } = timing;
  return hasUnknownName(timing, TIMING_FIELDS) ||
    (Array.isArray(output) &&
      output.some((piece) => hasUnknownName(piece, PIECE_FIELDS)));
}

/** Returns whether a value is an object or an array. */
export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}

/** Returns whether a value has a field whose name is not among the known ones. */
export function hasUnknownName(
  value: unknown,
  known: ReadonlySet<string>,
): boolean {
  return isObject(value) && Object.keys(value).some((name) => !known.has(name));
}

/**
 * Merges the fields to print (`known`) into the fields as parsed (`original`). The fields
 * keep their original order, and unknown fields keep their values. A known field that is
 * missing in `known` is dropped. A field that is missing in `original` comes last.
 */
export function mergeFields(
  original: Fields,
  known: Fields,
  knownNames: ReadonlySet<string>,
): unknown {
  const kept = Object.keys(original).filter((name) =>
    Object.hasOwn(known, name) || !knownNames.has(name)
  );
  const added = Object.keys(known).filter((name) =>
    !Object.hasOwn(original, name)
  );
  // Not by assignment: the name may be `__proto__`.
  return Object.fromEntries(
    [...kept, ...added].map((
      name,
    ) => [name, Object.hasOwn(known, name) ? known[name] : original[name]]),
  );
}
