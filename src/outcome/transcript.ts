import type { Outcome } from "./outcome.ts";
import type { OutputStream } from "./result.ts";

/** All that came on one stream of a run, whatever was kept of it for anybody else. */
export interface StreamTranscript {
  readonly bytes: Uint8Array;
  /** What turns the bytes into text: a `TextDecoder` label. */
  readonly encoding: string;
  /** Which part of the bytes came when, in the order in which they came. */
  readonly pieces: readonly TimedPiece[];
}

/** Some bytes that came together. */
export interface TimedPiece {
  /** When they came, in milliseconds from the start of the run. */
  readonly at: number;
  /** How many bytes they were. */
  readonly length: number;
}

/** What a run came to, with all of its output. */
export interface RunTranscript {
  readonly outcome: Outcome;
  /** `null` where it was not captured. */
  readonly stdout: StreamTranscript | null;
  /** `null` where it was not captured. */
  readonly stderr: StreamTranscript | null;
  /** The streams whose pipe had to be cut. */
  readonly truncated: readonly OutputStream[];
  /** Whether stdout was wanted as bytes. */
  readonly isBytes: boolean;
  /** When it ended, in milliseconds from its start. */
  readonly end: number;
}

const transcripts = new WeakMap<object, RunTranscript>();

/** Keeps what a run came to beside its result. */
export function setTranscript(result: object, transcript: RunTranscript): void {
  transcripts.set(result, transcript);
}

/** What {@linkcode setTranscript} kept, or `null`. */
export function transcriptOf(result: object): RunTranscript | null {
  return transcripts.get(result) ?? null;
}
