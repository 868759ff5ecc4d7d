import type { RunUse } from "../../runner/run.ts";
import {
  SILENT_SUCCESS,
  type SimulatedRun,
} from "../../runner/simulated_run.ts";
import { transformBytes } from "../format/byte_text.ts";
import { type CassetteEntry, outcomeOf } from "../format/entry.ts";
import type { FieldTransform } from "../transform/field_transform.ts";
import { scheduleOf } from "./timing.ts";

/** How a recorded run is played. */
export interface PlayOptions {
  /** How the caller runs the command. A text verb needs no bytes, and only a live process has a schedule. */
  readonly use: RunUse;
  readonly transform: FieldTransform;
  /** The option `speed`. `Infinity` means without delays. */
  readonly speed: number;
  /** The encoding of the replaying command. */
  readonly encoding: string;
}

/** Creates the simulated run of an entry, with the placeholders restored. */
export function simulatedRunOf(
  entry: CassetteEntry,
  { use, transform, speed, encoding }: PlayOptions,
): SimulatedRun {
  const restore = (text: string) => transform.restore(text);
  const bytes = use === "text" ? null : stdoutBytesOf(entry, transform);
  return {
    ...SILENT_SUCCESS,
    stdout: restore(entry.stdout),
    stdoutBytes: bytes,
    stderr: restore(entry.stderr),
    outcome: outcomeOf(entry),
    truncated: entry.truncatedStreams ?? SILENT_SUCCESS.truncated,
    schedule: use !== "live" || entry.timing === undefined || speed === Infinity
      ? null
      : scheduleOf(
        entry.timing,
        speed,
        restore,
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
