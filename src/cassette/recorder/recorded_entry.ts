import type { CommandSpec } from "../../command/spec.ts";
import { type CassetteEntry, definedFields } from "../format/entry.ts";
import type { MatchFacts } from "../matching/key.ts";
import type { FieldTransform } from "../transform/field_transform.ts";
import type { CapturedRun } from "./captured_run.ts";
import { timingOf } from "./timing.ts";

/** Creates the entry of a completed run. */
export function entryOf(
  facts: MatchFacts,
  spec: CommandSpec,
  transform: FieldTransform,
  capture: CapturedRun,
): CassetteEntry {
  const { envDigests, args, ...key } = facts;
  const { outcome, stdoutBase64, timedTranscript } = capture;
  const texts = { stdout: capture.stdout, stderr: capture.stderr };
  return Object.freeze({
    ...key,
    args: Object.freeze([...args]),
    envNames: Object.freeze(namesOf(spec.envs)),
    ...texts,
    code: outcome.kind === "exited" ? outcome.code : null,
    timedOut: outcome.kind === "timed-out",
    signal: outcome.kind === "signalled" ? outcome.signal : null,
    ...definedFields({
      truncatedStreams: capture.truncated.length === 0
        ? undefined
        : capture.truncated,
      stdoutBase64: stdoutBase64 ?? undefined,
      envDigests,
      timing: timedTranscript === null
        ? undefined
        : timingOf(timedTranscript, texts, (stream, text) =>
          transform.sanitize(stream, text)),
    }),
  });
}

function namesOf(envs: ReadonlyMap<string, unknown>): string[] {
  const names = new Set(Array.from(envs.keys(), (name) => name.toWellFormed()));
  return [...names].sort(byCodePoint);
}

/**
 * Compares by code point, as the Rust crate does. JavaScript compares by UTF-16 unit, which
 * sorts a character above U+FFFF before some below.
 */
function byCodePoint(one: string, other: string): number {
  const ones = [...one];
  const others = [...other];
  const at = ones.findIndex((character, index) => character !== others[index]);
  if (at < 0) return ones.length - others.length;
  return ones[at].codePointAt(0)! - (others[at]?.codePointAt(0) ?? -1);
}
