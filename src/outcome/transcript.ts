import type { Outcome } from "./outcome.ts";
import type { OutputStream } from "./result.ts";

/** All output of one stream of a run, regardless of what `outputBuffer` or a consumer kept of it. */
export interface StreamTranscript {
  readonly bytes: Uint8Array;
  /** The encoding of the text: a `TextDecoder` label. */
  readonly encoding: string;
  /** The pieces in which the bytes were read, in order. */
  readonly pieces: readonly TimedPiece[];
}

/** A number of bytes that were read at once. */
export interface TimedPiece {
  /** When they were read, in milliseconds from the start of the run. */
  readonly at: number;
  /** The number of bytes. */
  readonly length: number;
}

/** The outcome and all output of a run, as a recorder needs them. */
export interface RunTranscript {
  readonly outcome: Outcome;
  /** `null` if the stream was not captured. */
  readonly stdout: StreamTranscript | null;
  /** `null` if the stream was not captured. */
  readonly stderr: StreamTranscript | null;
  /** The streams whose pipe was closed before its end. */
  readonly truncated: readonly OutputStream[];
  /** Whether the caller consumed stdout as bytes. */
  readonly isBytes: boolean;
  /** When the run ended, in milliseconds from its start. */
  readonly end: number;
}

const transcripts = new WeakMap<object, RunTranscript>();

/** Attaches a transcript to the result of a run. */
export function setTranscript(result: object, transcript: RunTranscript): void {
  transcripts.set(result, transcript);
}

/** Returns the transcript that {@linkcode setTranscript} attached to a result, or `null`. */
export function transcriptOf(result: object): RunTranscript | null {
  return transcripts.get(result) ?? null;
}
