import type { CassetteEntry, CassetteTiming } from "./entry.ts";
import { exactNumber } from "./exact_json.ts";
import { FORMAT_VERSION } from "./schema.ts";
import {
  type CassetteContent,
  ENTRY_FIELDS,
  FILE_FIELDS,
  mergeFields,
  originalFields,
} from "./unknown_fields.ts";

/** Returns the text of a cassette file. */
export function printCassette(
  { entries, fileFields }: CassetteContent,
): string {
  const known = { version: FORMAT_VERSION, entries: entries.map(printable) };
  return JSON.stringify(
    fileFields === null ? known : mergeFields(fileFields, known, FILE_FIELDS),
    null,
    2,
  );
}

function printableTiming({ output, end }: CassetteTiming): unknown {
  return {
    output: output.map(({ at, stream, text }) => ({ at, stream, text })),
    end,
  };
}

/** The fields of an entry in the order of the file. A field with its default value is left out. */
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
  if (entry.truncatedStreams !== undefined) {
    known.truncated_streams = entry.truncatedStreams;
  }
  if (entry.stdoutBase64 !== undefined) {
    known.stdout_base64 = entry.stdoutBase64;
  }
  if (entry.envDigests !== undefined) known.env_digests = entry.envDigests;
  const original = originalFields.get(entry);
  if (entry.timing !== undefined) {
    // The original timing may have unknown fields of its own.
    known.timing = original?.timing ?? printableTiming(entry.timing);
  }
  return original === undefined
    ? known
    : mergeFields(original, known, ENTRY_FIELDS);
}
