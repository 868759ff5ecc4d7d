import type { CommandSpec } from "../command/spec.ts";
import {
  exited,
  type Outcome,
  signalled,
  timedOut,
} from "../outcome/outcome.ts";
import {
  type OutputStream,
  type ProcessResult,
  truncatedStreamsOf,
} from "../outcome/result.ts";
import { type KnownRun, SILENT_SUCCESS } from "../runner/known_run.ts";
import type { MatchFacts } from "./key.ts";

/** One recorded run, as plain data. At most one of `code`, `timedOut` and `signal` is set. */
export interface CassetteEntry {
  /** The program, as given to the command. */
  readonly program: string;
  /** The arguments after the program. */
  readonly args: readonly string[];
  /** The working directory, as given, or `null`. */
  readonly cwd: string | null;
  /** The 64-bit digest of what was on stdin, or `null` for no input. */
  readonly stdinDigest: bigint | null;
  /** Whether there was input on stdin. */
  readonly hasStdin: boolean;
  /** The names of the environment variables that were set or removed; no value is kept. */
  readonly envNames: readonly string[];
  /** All of stdout, verbatim. */
  readonly stdout: string;
  /** All of stderr, verbatim. */
  readonly stderr: string;
  /** The exit code, or `null` when the run did not exit. */
  readonly code: number | null;
  /** Whether the run reached its deadline. */
  readonly timedOut: boolean;
  /** The number of the signal that ended the run, or `null` when none did or it is unknown. */
  readonly signal: number | null;
  /** The streams that output is missing from; left out where there are none. */
  readonly truncatedStreams?: readonly OutputStream[];
}

/** Makes an entry of a completed run. */
export function entryOf(
  facts: MatchFacts,
  spec: CommandSpec,
  result: ProcessResult<string>,
): CassetteEntry {
  return Object.freeze({
    ...facts,
    args: Object.freeze(facts.args),
    envNames: Object.freeze(namesOf(spec.envs)),
    stdout: result.stdout.toWellFormed(),
    stderr: result.stderr.toWellFormed(),
    code: result.code,
    timedOut: result.timedOut,
    signal: result.signal,
    ...truncation(truncatedStreamsOf(result)),
  });
}

/** The field of an entry that tells which streams output is missing from, if any. */
export function truncation(
  streams: readonly OutputStream[] | undefined,
): Pick<CassetteEntry, "truncatedStreams"> {
  return streams === undefined || streams.length === 0
    ? {}
    : { truncatedStreams: streams };
}

/** The recorded run, to be played. */
export function knownRunOf(entry: CassetteEntry): KnownRun {
  return {
    ...SILENT_SUCCESS,
    stdout: entry.stdout,
    stderr: entry.stderr,
    outcome: outcomeOf(entry),
    truncated: entry.truncatedStreams ?? SILENT_SUCCESS.truncated,
  };
}

function outcomeOf(entry: CassetteEntry): Outcome {
  if (entry.timedOut) return timedOut();
  return entry.code === null ? signalled(entry.signal) : exited(entry.code);
}

function namesOf(envs: ReadonlyMap<string, unknown>): string[] {
  const names = new Set(Array.from(envs.keys(), (name) => name.toWellFormed()));
  return [...names].sort(byCodePoint);
}

/** Without this, a character beyond U+FFFF would sort as its first surrogate half. */
function byCodePoint(one: string, other: string): number {
  const ones = [...one];
  const others = [...other];
  const at = ones.findIndex((character, index) => character !== others[index]);
  if (at < 0) return ones.length - others.length;
  return ones[at].codePointAt(0)! - (others[at]?.codePointAt(0) ?? -1);
}
