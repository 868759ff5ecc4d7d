import type { CommandSpec } from "../../command/spec.ts";
import {
  exited,
  type Outcome,
  signalled,
  timedOut,
} from "../../outcome/outcome.ts";
import type { OutputStream } from "../../outcome/result.ts";
import { type KnownRun, SILENT_SUCCESS } from "../../runner/simulated_run.ts";
import type { RunUse } from "../../runner/run.ts";
import type { Capture } from "../recorder/captured_run.ts";
import type { Disguise } from "../transform/field_transform.ts";
import type { CassetteKey, EnvDigests, MatchFacts } from "../matching/key.ts";
import {
  type CassetteTiming,
  scheduleOf,
  timingOf,
} from "../recorder/timing.ts";
import { changeBytes } from "./byte_text.ts";

/** One recorded run, as plain data. At most one of `code`, `timedOut` and `signal` is set. */
export interface CassetteEntry extends CassetteKey {
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
  /** stdout in bytes, by base64, where it was recorded in bytes that its text does not tell. */
  readonly stdoutBase64?: string;
  /** The digests of the variables that `matchOn.env` chose, if the command set or removed any: `null` for removed. */
  readonly envDigests?: EnvDigests;
  /** When the output came, if that was recorded. */
  readonly timing?: CassetteTiming;
}

/** Makes an entry of a completed run. */
export function entryOf(
  facts: MatchFacts,
  spec: CommandSpec,
  disguise: Disguise,
  capture: Capture,
): CassetteEntry {
  const { envDigests, args, ...key } = facts;
  const { outcome, base64, timed } = capture;
  const texts = { stdout: capture.stdout, stderr: capture.stderr };
  return Object.freeze({
    ...key,
    args: Object.freeze([...args]),
    envNames: Object.freeze(namesOf(spec.envs)),
    ...texts,
    code: outcome.kind === "exited" ? outcome.code : null,
    timedOut: outcome.kind === "timed-out",
    signal: outcome.kind === "signalled" ? outcome.signal : null,
    ...optional({
      truncatedStreams: capture.truncated.length === 0
        ? undefined
        : capture.truncated,
      stdoutBase64: base64 ?? undefined,
      envDigests,
      timing: timed === null
        ? undefined
        : timingOf(timed, texts, (stream, text) => disguise.hide(stream, text)),
    }),
  });
}

/** The fields that are set. */
export function optional<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>;
}

/** How a recorded run is played. */
export interface PlayOptions {
  /** What it is played for: only who wants bytes gets them, and only a live process has a schedule. */
  readonly use: RunUse;
  readonly disguise: Disguise;
  readonly speed: number;
  readonly encoding: string;
}

/** The recorded run, to be played. */
export function knownRunOf(
  entry: CassetteEntry,
  { use, disguise, speed, encoding }: PlayOptions,
): KnownRun {
  const show = (text: string) => disguise.show(text);
  const bytes = use === "text" ? null : stdoutBytesOf(entry, disguise);
  return {
    ...SILENT_SUCCESS,
    stdout: show(entry.stdout),
    stdoutBytes: bytes,
    stderr: show(entry.stderr),
    outcome: outcomeOf(entry),
    truncated: entry.truncatedStreams ?? SILENT_SUCCESS.truncated,
    schedule: use !== "live" || entry.timing === undefined || speed === Infinity
      ? null
      : scheduleOf(
        entry.timing,
        speed,
        show,
        bytes === null ? null : { bytes, encoding },
      ),
  };
}

/** How the recorded run ended. */
export function outcomeOf(
  { timedOut: hasTimedOut, code, signal }: Pick<
    CassetteEntry,
    "timedOut" | "code" | "signal"
  >,
): Outcome {
  if (hasTimedOut) return timedOut();
  return code === null ? signalled(signal) : exited(code);
}

function stdoutBytesOf(
  { stdoutBase64 }: CassetteEntry,
  disguise: Disguise,
): Uint8Array | null {
  if (stdoutBase64 === undefined) return null;
  const bytes = Uint8Array.fromBase64(stdoutBase64);
  return changeBytes(bytes, (text) => disguise.show(text));
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
