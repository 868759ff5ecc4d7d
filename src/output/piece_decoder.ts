import { lossyDecoder } from "./text.ts";

/**
 * Decodes bytes that arrive in pieces; a character cut in two by a piece's end
 * comes out whole, and what cannot be decoded becomes U+FFFD.
 */
export interface PieceDecoder {
  /** The text that `piece` completes. */
  decode(piece: Uint8Array): string;
  /** What was still waiting for more bytes. */
  end(): string;
}

/** Makes a decoder for a `TextDecoder` label. */
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

// A decoder in streaming mode is about half as fast on Deno as one that gets
// whole texts. UTF-8 says where a character starts, so the pieces can be cut
// there and each decoded as a whole.
class Utf8PieceDecoder implements PieceDecoder {
  readonly #decoder: TextDecoder = lossyDecoder("utf-8");
  /** The first bytes of a character whose last ones have not arrived: at most three. */
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

/** How many bytes at the start are whole characters, as far as the encoding tells. */
export function completeLength(encoding: string, bytes: Uint8Array): number {
  return encoding === "utf-8" ? lastBoundary(bytes) : bytes.length;
}

/** Where the last character starts if it is incomplete, else the end. */
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
