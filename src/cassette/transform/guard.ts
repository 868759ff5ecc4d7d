import { CassetteError } from "../../outcome/cassette_errors.ts";
import type { CassetteEntry, CassetteField } from "../format/entry.ts";

/** Why an entry is not to be kept. */
export interface GuardRefusal {
  /** The text that is not to be kept. */
  readonly field: CassetteField;
  /** What is wrong with it, in words that go into a message: never the text itself. */
  readonly reason: string;
}

/**
 * Looks at an entry as it would be kept, and returns why it is not to be, or nothing.
 * What it throws rejects the save as it is.
 */
export type Guard = (
  entry: CassetteEntry,
) =>
  | GuardRefusal
  | null
  | undefined
  | void
  | Promise<GuardRefusal | null | undefined | void>;

/**
 * Has every guard look at an entry, as the one with this number in the file at `path`.
 *
 * @throws {CassetteError} if one refuses it; and what a guard throws
 */
export async function runGuards(
  guards: readonly Guard[],
  entry: CassetteEntry,
  index: number,
  path: string,
): Promise<void> {
  for (const guard of guards) {
    const refusal = checkedRefusal(await guard(entry));
    if (refusal !== null) throw refusedError(path, entry, index, refusal);
  }
}

function checkedRefusal(value: unknown): GuardRefusal | null {
  if (value === null || value === undefined) return null;
  const { field, reason } = value as GuardRefusal;
  if (typeof field === "string" && typeof reason === "string") {
    return { field, reason };
  }
  throw new TypeError(
    "guard: expected the function to return nothing, or { field, reason }",
  );
}

/** The error for an entry that was refused: it names the entry by what is not the text. */
function refusedError(
  path: string,
  entry: CassetteEntry,
  index: number,
  { field, reason }: GuardRefusal,
): CassetteError {
  const program = field === "program" || entry.program.length > 80
    ? ""
    : ` (${entry.program})`;
  return new CassetteError(
    path,
    "refused",
    `entries[${index}]${program}, ${field}: refused by a guard: ${reason}. Nothing was written; ` +
      "have it replaced by redact, or do not record it",
  );
}
