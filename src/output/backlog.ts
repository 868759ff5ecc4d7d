import { type BufferLimits, isLimited } from "./buffer_limits.ts";
import type { ByteLines } from "./byte_lines.ts";
import { PieceBuffer, type Position } from "./piece_buffer.ts";
import { completeLength } from "./piece_decoder.ts";
import type { Target } from "./targets.ts";
import { lossyDecoder } from "./text.ts";

/** The most bytes of a partial line that a probe sees: its end. */
const MAX_PARTIAL_LINE_BYTES = 64 * 1024;

/**
 * Output that no consumer has taken yet, as bytes, since a consumer may want lines,
 * text or bytes. Until a consumer takes it, a probe can search it line by line, and
 * take or leave the lines it has searched.
 */
export class Backlog implements Target {
  readonly holdsPieces = true;
  readonly #lines: ByteLines;
  readonly #encoding: string;
  readonly #buffer: PieceBuffer;
  /** The start of the next line to search. */
  #cursor = { piece: 0, offset: 0 };
  /** How far the search has looked for the end of that line. */
  #searchedTo = { piece: 0, offset: 0 };
  /** Whether a `"\n"` at the start of the backlog ends the last line that was taken. */
  #startsAfterCr = false;
  /** Whether a `"\n"` at the cursor ends the last line that was searched. */
  #isAfterCr = false;
  #isFinished = false;

  /**
   * Calls `onOverflow` once, when `limits.overflow` is `"error"` and the output exceeds
   * a limit.
   */
  constructor(
    encoding: string,
    lines: ByteLines,
    limits: BufferLimits,
    onOverflow: () => void,
  ) {
    this.#encoding = encoding;
    this.#lines = lines;
    this.#buffer = new PieceBuffer(encoding, lines, limits, {
      onOverflow,
      onPositionsChanged: () => {
        this.#startsAfterCr = false;
        this.#rewind();
      },
    });
    this.isLimited = isLimited(limits);
  }

  /** Whether the backlog may drop output. */
  readonly isLimited: boolean;

  /** Whether output was dropped. */
  get hasDropped(): boolean {
    return this.#buffer.hasDropped;
  }

  /** Whether a `"\n"` at the start of the backlog ends a line that was already taken. */
  get startsAfterCr(): boolean {
    return this.#startsAfterCr;
  }

  /** Appends a piece. */
  push(piece: Uint8Array): void {
    this.#buffer.push(piece);
  }

  /** Marks the end of the stream. */
  end(): void {
    this.#buffer.end();
    this.#isFinished = true;
  }

  /** The pieces in the backlog. */
  get pieces(): readonly Uint8Array[] {
    return this.#buffer.pieces;
  }

  /** The bytes after the last whole code unit; empty unless the encoding is UTF-16. */
  get incompleteUnit(): Uint8Array {
    return this.#buffer.incompleteUnit;
  }

  /**
   * Moves the cursor past the next complete line and returns it, or `null` if there is
   * none yet.
   */
  nextLine(): string | null {
    const { pieces } = this.#buffer;
    const searchedTo = this.#searchedTo;
    for (; searchedTo.piece < pieces.length; this.#searchNextPiece()) {
      const piece = pieces[searchedTo.piece];
      if (searchedTo.offset === 0 && this.#isAfterCr) this.#skipLf(piece);
      const end = this.#lines.endOfLine(piece, searchedTo.offset);
      if (end < 0) continue;
      searchedTo.offset = end;
      const line = this.#lines.withoutTerminator(this.#bytesTo(searchedTo));
      this.#isAfterCr = end === piece.length && this.#lines.endsInCr(piece);
      this.#cursor = { ...searchedTo };
      return lossyDecoder(this.#encoding).decode(line);
    }
    return null;
  }

  /**
   * Returns the last line if it has no terminator yet, up to its last whole character.
   * Of a line longer than 64 KiB it returns the end. Returns `""` if there is no such
   * line.
   */
  partialLine(): string {
    const line = this.#partialLineBytes(MAX_PARTIAL_LINE_BYTES);
    return lossyDecoder(this.#encoding).decode(
      line.subarray(0, this.#completeLength(line)),
    );
  }

  /**
   * Starts a search from the first line. Until {@linkcode Backlog.endSearch}, a line is
   * dropped only after it was searched.
   */
  beginSearch(): void {
    this.#buffer.suspendLimits();
    this.#rewind();
  }

  /** Applies the limits to the lines that were searched without a match. */
  enforceLimits(): void {
    const cursor = this.#buffer.enforceLimits(this.#cursor);
    if (cursor === this.#cursor) return;
    this.#startsAfterCr = false;
    this.#cursor = { ...cursor };
    this.#searchedTo = { ...cursor };
  }

  /** Ends the search, and applies the limits to everything. */
  endSearch(): void {
    this.#buffer.resumeLimits();
    this.#rewind();
  }

  /** Removes the lines that were searched. */
  takeSearchedLines(): void {
    this.#removeBefore(this.#cursor);
  }

  /**
   * Removes the lines that were searched, and what {@linkcode Backlog.partialLine}
   * returned.
   */
  takePartialLine(): void {
    const { pieces } = this.#buffer;
    const line = this.#partialLineBytes(MAX_PARTIAL_LINE_BYTES);
    const incomplete = line.length - this.#completeLength(line);
    let piece = pieces.length - 1;
    let offset = pieces[piece].length - incomplete;
    while (offset < 0) offset += pieces[--piece].length;
    this.#isAfterCr = false;
    this.#removeBefore({ piece, offset });
  }

  /** After the end of the stream, an incomplete character is never completed. */
  #completeLength(line: Uint8Array): number {
    return this.#isFinished
      ? line.length
      : completeLength(this.#encoding, line);
  }

  #removeBefore(position: Position): void {
    this.#buffer.removeBefore(position);
    this.#startsAfterCr = this.#isAfterCr;
    this.#rewind();
  }

  #rewind(): void {
    this.#cursor = { piece: 0, offset: 0 };
    this.#searchedTo = { piece: 0, offset: 0 };
    this.#isAfterCr = this.#startsAfterCr;
  }

  #searchNextPiece(): void {
    this.#searchedTo.piece++;
    this.#searchedTo.offset = 0;
  }

  #skipLf(piece: Uint8Array): void {
    if (this.#lines.startsWithLf(piece)) {
      this.#searchedTo.offset = this.#lines.unit;
      this.#cursor = { ...this.#searchedTo };
    }
    this.#isAfterCr = false;
  }

  /**
   * Returns the bytes of the partial line; of a long one at least its last `minBytes`
   * bytes.
   */
  #partialLineBytes(minBytes = Infinity): Uint8Array {
    const { pieces } = this.#buffer;
    if (pieces.length === 0) return new Uint8Array(0);
    const last = pieces.length - 1;
    let start = last;
    for (
      let length = pieces[last].length;
      start > this.#cursor.piece && length < minBytes;
      length += pieces[start].length
    ) start--;
    return this.#buffer.between(
      start > this.#cursor.piece ? { piece: start, offset: 0 } : this.#cursor,
      { piece: last, offset: pieces[last].length },
    );
  }

  /** Returns the bytes from the cursor to `end`. */
  #bytesTo(end: Position): Uint8Array {
    return this.#buffer.between(this.#cursor, end);
  }
}
