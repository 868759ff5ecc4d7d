import type { CassetteEntry, CassetteTiming } from "./entry.ts";
import { exactNumber } from "./exact_json.ts";
import { VERSION } from "./schema.ts";
import {
  type CassetteContent,
  fieldsOfEntry,
  KNOWN_FIELDS,
  KNOWN_HEAD,
  merged,
} from "./unknown_fields.ts";

/** A cassette as the text of a file. */
export function printCassette({ entries, head }: CassetteContent): string {
  const known = { version: VERSION, entries: entries.map(printable) };
  return JSON.stringify(
    head === null ? known : merged(head, known, KNOWN_HEAD),
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
  if (entry.truncatedStreams !== undefined) {
    known.truncated_streams = entry.truncatedStreams;
  }
  if (entry.stdoutBase64 !== undefined) {
    known.stdout_base64 = entry.stdoutBase64;
  }
  const fields = fieldsOfEntry.get(entry);
  // What is unknown within them stays.
  if (entry.envDigests !== undefined) known.env_digests = entry.envDigests;
  if (entry.timing !== undefined) {
    known.timing = fields?.timing ?? printableTiming(entry.timing);
  }
  return fields === undefined ? known : merged(fields, known, KNOWN_FIELDS);
}
