import { lossyDecoder } from "./text.ts";

/**
 * Decodes bytes that arrive in pieces. A character that is split between two pieces is
 * decoded as one. Invalid bytes become U+FFFD.
 */
export interface PieceDecoder {
  /** Returns the text that `piece` completes. */
  decode(piece: Uint8Array): string;
  /** Returns the text of the bytes that are left at the end. */
  end(): string;
}

/** Creates a decoder for a `TextDecoder` label. */
export function pieceDecoder(encoding: string): PieceDecoder {
  return encoding === "utf-8"
    ? new Utf8PieceDecoder()
    : new StreamingPieceDecoder(encoding);
}

class StreamingPieceDecoder implements PieceDecoder {
  readonly #decoder: TextDecoder;

  constructor(encoding: string) {
    this.#decoder = lossyDecoder(encoding);
  }

  decode(piece: Uint8Array): string {
    return this.#decoder.decode(piece, { stream: true });
  }

  end(): string {
    return this.#decoder.decode();
  }
}

// On Deno, a `TextDecoder` in streaming mode has about half the speed of one that gets
// whole texts. In UTF-8 the start of a character can be found, so the pieces are split
// there and each is decoded as a whole.
class Utf8PieceDecoder implements PieceDecoder {
  readonly #decoder: TextDecoder = lossyDecoder("utf-8");
  /** The first bytes of an incomplete character: at most three. */
  #rest: Uint8Array = NOTHING;

  decode(piece: Uint8Array): string {
    let bytes = piece;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + piece.length);
      bytes.set(this.#rest);
      bytes.set(piece, this.#rest.length);
    }
    const end = lastBoundary(bytes);
    this.#rest = end === bytes.length ? NOTHING : bytes.slice(end);
    return this.#decoder.decode(
      end === bytes.length ? bytes : bytes.subarray(0, end),
    );
  }

  end(): string {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest.length === 0 ? "" : this.#decoder.decode(rest);
  }
}

const NOTHING = new Uint8Array(0);

/**
 * Returns the length of the bytes without an incomplete last character. Only UTF-8 is
 * checked.
 */
export function completeLength(encoding: string, bytes: Uint8Array): number {
  return encoding === "utf-8" ? lastBoundary(bytes) : bytes.length;
}

/** Returns the start of the last character if it is incomplete, otherwise the length. */
function lastBoundary(bytes: Uint8Array): number {
  const length = bytes.length;
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back];
    if (byte < 0x80) return length;
    if (byte >= 0xc0) {
      const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return needed > back ? length - back : length;
    }
  }
  return length;
}
