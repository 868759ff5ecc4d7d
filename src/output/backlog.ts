import type { ByteLines } from "./byte_lines.ts";
import { isLimited, type KeepLimits } from "./keep_limits.ts";
import { KeptPieces } from "./kept_pieces.ts";
import { completeLength } from "./piece_decoder.ts";
import type { Target } from "./targets.ts";
import { lossyDecoder } from "./text.ts";

/** How much of a line that has not ended is looked at: its end. */
const MOST_OF_OPEN_LINE = 64 * 1024;

/**
 * What came from a stream and was not taken by anybody yet, as bytes: whoever comes
 * may want the lines, the text or the bytes. Until then it can be looked through,
 * line by line, and what was looked at can be taken or left.
 */
export class Backlog implements Target {
  readonly holdsPieces = true;
  readonly #lines: ByteLines;
  readonly #encoding: string;
  readonly #kept: KeptPieces;
  /** Where the line begins that is looked at next. */
  #cursor = { piece: 0, at: 0 };
  /** How far that line has been searched for its end. */
  #searched = { piece: 0, at: 0 };
  /** Whether a `"\n"` that comes first belongs to the line before: to what was taken, and to what was looked at. */
  #startsAfterCr = false;
  #isAfterCr = false;
  #hasEnded = false;

  /** `onOverflow` is called once, when more came than may be kept and that is an error. */
  constructor(
    encoding: string,
    lines: ByteLines,
    limits: KeepLimits,
    onOverflow: () => void,
  ) {
    this.#encoding = encoding;
    this.#lines = lines;
    this.#kept = new KeptPieces(encoding, lines, limits, {
      onOverflow,
      onMoved: () => {
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
    return this.#kept.hasDropped;
  }

  /** Whether the next `"\n"` is the end of a line that was taken already. */
  get startsAfterCr(): boolean {
    return this.#startsAfterCr;
  }

  /** Takes a further piece. */
  push(piece: Uint8Array): void {
    this.#kept.push(piece);
  }

  /** Says that there are no more. */
  end(): void {
    this.#kept.end();
    this.#hasEnded = true;
  }

  /** All there is, as it came; it is left as it is. */
  get pieces(): readonly Uint8Array[] {
    return this.#kept.pieces;
  }

  /** What came after them, and is no whole code unit yet. */
  get rest(): Uint8Array {
    return this.#kept.rest;
  }

  /** The next line that has ended, or `null` when none has yet. */
  nextLine(): string | null {
    const { pieces } = this.#kept;
    const searched = this.#searched;
    for (; searched.piece < pieces.length; this.#searchNext()) {
      const piece = pieces[searched.piece];
      if (searched.at === 0 && this.#isAfterCr) this.#skipLf(piece);
      const end = this.#lines.endOfLine(piece, searched.at);
      if (end < 0) continue;
      searched.at = end;
      const line = this.#lines.withoutEnd(this.#bytesTo(searched));
      this.#isAfterCr = end === piece.length && this.#lines.endsInCr(piece);
      this.#cursor = { ...searched };
      return lossyDecoder(this.#encoding).decode(line);
    }
    return null;
  }

  /**
   * The line after the last that has ended, as far as it has come in whole
   * characters; of a long one its end. `""` when there is none.
   */
  openLine(): string {
    const line = this.#openBytes(MOST_OF_OPEN_LINE);
    return lossyDecoder(this.#encoding).decode(
      line.subarray(0, this.#completeLength(line)),
    );
  }

  /** Begins to look through it, from the start: every line that comes will be seen. */
  beginLook(): void {
    this.#kept.suspendLimits();
    this.#rewind();
  }

  /** Says that nothing was found yet: what was looked at stays, within the limits. */
  goOn(): void {
    const cursor = this.#kept.enforce(this.#cursor);
    if (cursor === this.#cursor) return;
    this.#startsAfterCr = false;
    this.#cursor = { ...cursor };
    this.#searched = { ...cursor };
  }

  /** Ends the looking through. */
  endLook(): void {
    this.#kept.resumeLimits();
    this.#rewind();
  }

  /** Takes the lines that were looked at: they are gone for everybody else. */
  takeLines(): void {
    this.#takeTo(this.#cursor);
  }

  /** Takes the lines that were looked at, and the start of the one that has not ended. */
  takeOpenLine(): void {
    const { pieces } = this.#kept;
    const line = this.#openBytes(MOST_OF_OPEN_LINE);
    const incomplete = line.length - this.#completeLength(line);
    let piece = pieces.length - 1;
    let at = pieces[piece].length - incomplete;
    while (at < 0) at += pieces[--piece].length;
    this.#isAfterCr = false;
    this.#takeTo({ piece, at });
  }

  /** At the end a character that has not come whole is one that never will. */
  #completeLength(line: Uint8Array): number {
    return this.#hasEnded ? line.length : completeLength(this.#encoding, line);
  }

  #takeTo(place: { piece: number; at: number }): void {
    this.#kept.takeTo(place);
    this.#startsAfterCr = this.#isAfterCr;
    this.#rewind();
  }

  #rewind(): void {
    this.#cursor = { piece: 0, at: 0 };
    this.#searched = { piece: 0, at: 0 };
    this.#isAfterCr = this.#startsAfterCr;
  }

  #searchNext(): void {
    this.#searched.piece++;
    this.#searched.at = 0;
  }

  #skipLf(piece: Uint8Array): void {
    if (this.#lines.startsWithLf(piece)) {
      this.#searched.at = this.#lines.unit;
      this.#cursor = { ...this.#searched };
    }
    this.#isAfterCr = false;
  }

  /** The line that has not ended; of a long one no less than the last `most` bytes. */
  #openBytes(most = Infinity): Uint8Array {
    const { pieces } = this.#kept;
    if (pieces.length === 0) return new Uint8Array(0);
    const last = pieces.length - 1;
    let start = last;
    for (
      let length = pieces[last].length;
      start > this.#cursor.piece && length < most;
      length += pieces[start].length
    ) start--;
    return this.#kept.between(
      start > this.#cursor.piece ? { piece: start, at: 0 } : this.#cursor,
      { piece: last, at: pieces[last].length },
    );
  }

  /** The bytes from the cursor to a place. */
  #bytesTo(end: { piece: number; at: number }): Uint8Array {
    return this.#kept.between(this.#cursor, end);
  }
}
