import type { StreamTranscript, TimedPiece } from "../outcome/transcript.ts";
import type { Target } from "./targets.ts";
import { concatBytes } from "./text.ts";

/** Keeps all output of a stream, with the time at which each piece arrived. */
export class TranscriptTarget implements Target {
  readonly #encoding: string;
  readonly #pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];

  constructor(encoding: string) {
    this.#encoding = encoding;
  }

  push(piece: Uint8Array): void {
    // Copy the piece: the reader may reuse its buffer.
    this.#pieces.push({ at: performance.now(), bytes: piece.slice() });
  }

  end(): void {}

  /** Returns the transcript, with times relative to `start`. */
  get(start: number): StreamTranscript {
    return {
      bytes: concatBytes(this.#pieces.map(({ bytes }) => bytes)),
      encoding: this.#encoding,
      pieces: this.#pieces.map(({ at, bytes }): TimedPiece => ({
        at: Math.max(0, at - start),
        length: bytes.length,
      })),
    };
  }
}
