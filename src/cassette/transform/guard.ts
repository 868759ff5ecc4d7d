import { CassetteError } from "../../outcome/cassette_errors.ts";
import type { CassetteEntry, CassetteField } from "../format/entry.ts";

/** The reason why a {@linkcode Guard} refuses an entry. */
export interface GuardRefusal {
  /** The field with the problem. */
  readonly field: CassetteField;
  /** The problem, for the error message. It must not contain the text of the field. */
  readonly reason: string;
}

/**
 * Checks an entry before it is saved. The entry is as it would be in the file: normalized
 * and redacted.
 *
 * Return a {@linkcode GuardRefusal} to refuse the entry, or nothing to accept it. An error
 * that the guard throws is thrown by the save, unchanged.
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
 * Calls the guards with an entry that would have this index in the file at `path`.
 *
 * @throws {CassetteError} with the reason `"refused"` if a guard refuses the entry. An error
 *   of a guard is thrown unchanged.
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

/** The error for a refused entry. It must not show the text of the refused field. */
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
      "replace the text with the option redact, or do not record this command",
  );
}
