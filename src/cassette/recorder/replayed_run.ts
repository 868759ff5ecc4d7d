import {
  SILENT_SUCCESS,
  type SimulatedRun,
} from "../../runner/simulated_run.ts";
import type { RunUse } from "../../runner/run.ts";
import { transformBytes } from "../format/byte_text.ts";
import { type CassetteEntry, outcomeOf } from "../format/entry.ts";
import type { FieldTransform } from "../transform/field_transform.ts";
import { scheduleOf } from "./timing.ts";

/** How a recorded run is played. */
export interface PlayOptions {
  /** What it is played for: only who wants bytes gets them, and only a live process has a schedule. */
  readonly use: RunUse;
  readonly transform: FieldTransform;
  readonly speed: number;
  readonly encoding: string;
}

/** The recorded run, to be played. */
export function simulatedRunOf(
  entry: CassetteEntry,
  { use, transform, speed, encoding }: PlayOptions,
): SimulatedRun {
  const show = (text: string) => transform.restore(text);
  const bytes = use === "text" ? null : stdoutBytesOf(entry, transform);
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

function stdoutBytesOf(
  { stdoutBase64 }: CassetteEntry,
  transform: FieldTransform,
): Uint8Array | null {
  if (stdoutBase64 === undefined) return null;
  const bytes = Uint8Array.fromBase64(stdoutBase64);
  return transformBytes(bytes, (text) => transform.restore(text));
}
