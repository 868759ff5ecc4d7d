import { type BufferLimits, isLimited } from "./buffer_limits.ts";
import type { ByteLines } from "./byte_lines.ts";
import { PieceBuffer, type Position } from "./piece_buffer.ts";
import { completeLength } from "./piece_decoder.ts";
import type { Target } from "./targets.ts";
import { lossyDecoder } from "./text.ts";

/** How much of a line that has not ended is looked at: its end. */
const MAX_PARTIAL_LINE_BYTES = 64 * 1024;

/**
 * What came from a stream and was not taken by anybody yet, as bytes: whoever comes
 * may want the lines, the text or the bytes. Until then it can be looked through,
 * line by line, and what was looked at can be taken or left.
 */
export class Backlog implements Target {
  readonly holdsPieces = true;
  readonly #lines: ByteLines;
  readonly #encoding: string;
  readonly #buffer: PieceBuffer;
  /** Where the line begins that is looked at next. */
  #cursor = { piece: 0, offset: 0 };
  /** How far that line has been searched for its end. */
  #searchedTo = { piece: 0, offset: 0 };
  /** Whether a `"\n"` that comes first belongs to the line before: to what was taken, and to what was looked at. */
  #startsAfterCr = false;
  #isAfterCr = false;
  #isFinished = false;

  /** `onOverflow` is called once, when more came than may be kept and that is an error. */
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

  /** Whether it may drop what comes. */
  readonly isLimited: boolean;

  /** Whether anything of what came was dropped. */
  get hasDropped(): boolean {
    return this.#buffer.hasDropped;
  }

  /** Whether the next `"\n"` is the end of a line that was taken already. */
  get startsAfterCr(): boolean {
    return this.#startsAfterCr;
  }

  /** Takes a further piece. */
  push(piece: Uint8Array): void {
    this.#buffer.push(piece);
  }

  /** Says that there are no more. */
  end(): void {
    this.#buffer.end();
    this.#isFinished = true;
  }

  /** All there is, as it came; it is left as it is. */
  get pieces(): readonly Uint8Array[] {
    return this.#buffer.pieces;
  }

  /** What came after them, and is no whole code unit yet. */
  get incompleteUnit(): Uint8Array {
    return this.#buffer.incompleteUnit;
  }

  /** The next line that has ended, or `null` when none has yet. */
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
   * The line after the last that has ended, as far as it has come in whole
   * characters; of a long one its end. `""` when there is none.
   */
  partialLine(): string {
    const line = this.#partialLineBytes(MAX_PARTIAL_LINE_BYTES);
    return lossyDecoder(this.#encoding).decode(
      line.subarray(0, this.#completeLength(line)),
    );
  }

  /** Begins to look through it, from the start: every line that comes will be seen. */
  beginSearch(): void {
    this.#buffer.suspendLimits();
    this.#rewind();
  }

  /** Says that nothing was found yet: what was looked at stays, within the limits. */
  enforceLimits(): void {
    const cursor = this.#buffer.enforceLimits(this.#cursor);
    if (cursor === this.#cursor) return;
    this.#startsAfterCr = false;
    this.#cursor = { ...cursor };
    this.#searchedTo = { ...cursor };
  }

  /** Ends the looking through. */
  endSearch(): void {
    this.#buffer.resumeLimits();
    this.#rewind();
  }

  /** Takes the lines that were looked at: they are gone for everybody else. */
  takeSearchedLines(): void {
    this.#removeBefore(this.#cursor);
  }

  /** Takes the lines that were looked at, and the start of the one that has not ended. */
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

  /** At the end a character that has not come whole is one that never will. */
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

  /** The line that has not ended; of a long one no less than the last `most` bytes. */
  #partialLineBytes(most = Infinity): Uint8Array {
    const { pieces } = this.#buffer;
    if (pieces.length === 0) return new Uint8Array(0);
    const last = pieces.length - 1;
    let start = last;
    for (
      let length = pieces[last].length;
      start > this.#cursor.piece && length < most;
      length += pieces[start].length
    ) start--;
    return this.#buffer.between(
      start > this.#cursor.piece ? { piece: start, offset: 0 } : this.#cursor,
      { piece: last, offset: pieces[last].length },
    );
  }

  /** The bytes from the cursor to a place. */
  #bytesTo(end: Position): Uint8Array {
    return this.#buffer.between(this.#cursor, end);
  }
}
