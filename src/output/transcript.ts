import type { StreamTranscript, TimedPiece } from "../outcome/transcript.ts";
import type { Target } from "./targets.ts";
import { concatBytes } from "./text.ts";

/** Keeps all of a stream, and when each piece of it came. */
export class TranscriptTarget implements Target {
  readonly #encoding: string;
  readonly #pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];

  constructor(encoding: string) {
    this.#encoding = encoding;
  }

  push(piece: Uint8Array): void {
    // Whoever reads may have the next piece in the same buffer.
    this.#pieces.push({ at: performance.now(), bytes: piece.slice() });
  }

  end(): void {}

  /** All there was, timed from `start`. */
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
