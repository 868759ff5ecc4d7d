import { type BufferLimits, isLimited } from "./buffer_limits.ts";
import { type ByteLines, LineCount, WholeUnits } from "./byte_lines.ts";
import { completeLength } from "./piece_decoder.ts";
import { concatBytes } from "./text.ts";

/** A position in the buffer: before byte `offset` of piece `piece`. */
export interface Position {
  readonly piece: number;
  readonly offset: number;
}

const START: Position = Object.freeze({ piece: 0, offset: 0 });

/** The callbacks of a {@linkcode PieceBuffer}. */
export interface PieceBufferEvents {
  /** Called once, when `overflow` is `"error"` and the pieces exceed a limit. */
  readonly onOverflow: () => void;
  /** Called when pieces were removed, so that earlier positions are no longer valid. */
  readonly onPositionsChanged: () => void;
}

/**
 * Pieces of a stream, within limits on bytes and lines. The buffer drops whole lines,
 * the oldest or the newest. It keeps a part of a line only if that line alone exceeds
 * the limits.
 */
export class PieceBuffer {
  readonly #encoding: string;
  readonly #lines: ByteLines;
  readonly #limits: BufferLimits;
  readonly #isLimited: boolean;
  readonly #events: PieceBufferEvents;
  readonly #units: WholeUnits;
  readonly #lineCount: LineCount;
  #pieces: Uint8Array[] = [];
  /** The number of lines that end in each piece. Empty if there are no limits. */
  #lineEndCounts: number[] = [];
  #size = 0;
  #lineEnds = 0;
  #hasDropped = false;
  /** Whether the oldest pieces must be trimmed before they are read. */
  #needsTrim = false;
  /** Whether the first line lacks its beginning. */
  #startsMidLine = false;
  /** Whether further pieces are dropped. Used by `"drop-newest"` and `"error"`. */
  #isFull = false;
  /**
   * Whether input is dropped up to the next line, because the beginning of the current
   * line was dropped.
   */
  #skipsToNextLine = false;
  /** Whether the last dropped piece ended with a line terminator. */
  #droppedToLineEnd = false;
  /** Whether all pieces are kept until {@linkcode PieceBuffer.enforceLimits}. */
  #isSuspended = false;
  /**
   * The oldest output within the limits, saved while the limits are suspended. Used by
   * `"drop-newest"`.
   */
  #savedHead: Uint8Array | null = null;

  constructor(
    encoding: string,
    lines: ByteLines,
    limits: BufferLimits,
    events: PieceBufferEvents,
  ) {
    this.#encoding = encoding;
    this.#lines = lines;
    this.#limits = limits;
    this.#isLimited = isLimited(limits);
    this.#events = events;
    this.#units = new WholeUnits(lines.unit);
    this.#lineCount = new LineCount(lines);
  }

  /** Whether anything was dropped. */
  get hasDropped(): boolean {
    return this.#hasDropped;
  }

  /** The bytes after the last whole code unit; empty unless the encoding is UTF-16. */
  get incompleteUnit(): Uint8Array {
    return this.#units.incompleteUnit;
  }

  /** The pieces, trimmed to the limits. */
  get pieces(): readonly Uint8Array[] {
    if (this.#needsTrim) this.#trimStart();
    return this.#pieces;
  }

  /**
   * Keeps every piece from now on, so that a search sees all of them. Only
   * {@linkcode PieceBuffer.enforceLimits} applies the limits.
   */
  suspendLimits(): void {
    if (!this.#isLimited) return;
    if (this.#needsTrim) this.#trimStart();
    this.#isSuspended = true;
    this.#acceptFromNextLine();
  }

  /** Applies the limits to every piece again. */
  resumeLimits(): void {
    if (!this.#isSuspended) return;
    this.#isSuspended = false;
    this.#needsTrim = this.#limits.overflow === "drop-oldest";
    if (this.#limits.overflow !== "drop-newest") return;
    if (this.#savedHead === null) {
      this.#saveHead({ piece: this.#pieces.length, offset: 0 });
    }
    if (this.#savedHead === null) return;
    this.#droppedToLineEnd = this.#size === 0;
    this.#isFull = true;
    this.#replace([this.#savedHead]);
    this.#savedHead = null;
  }

  /**
   * Applies the limits after a search has reached `searchedTo`. Returns the new
   * position of that place: `searchedTo` itself if nothing was removed.
   */
  enforceLimits(searchedTo: Position): Position {
    if (!this.#isSuspended) return searchedTo;
    switch (this.#limits.overflow) {
      case "drop-oldest": {
        const dropped = this.#dropPieces();
        if (dropped === 0) return searchedTo;
        return searchedTo.piece < dropped
          ? START
          : { piece: searchedTo.piece - dropped, offset: searchedTo.offset };
      }
      case "drop-newest":
        return this.#saveHead(searchedTo);
      case "error":
        if (!this.#isFull && this.#exceedsLimits()) {
          this.#isFull = true;
          this.#hasDropped = true;
          this.#events.onOverflow();
        }
        return searchedTo;
    }
  }

  #exceedsLimits(): boolean {
    const { maxBytes, maxLines } = this.#limits;
    const lines = this.#lineEnds + (this.#lineCount.hasPartialLine ? 1 : 0);
    return this.#size > maxBytes || lines > maxLines;
  }

  /** Saves the oldest output within the limits, and discards what was searched. */
  #saveHead(searchedTo: Position): Position {
    if (this.#savedHead === null && !this.#exceedsLimits()) return searchedTo;
    if (this.#savedHead === null) {
      this.#savedHead = this.#headOf(concatBytes(this.#pieces));
      this.#hasDropped = true;
    }
    this.#discardBefore(searchedTo);
    return START;
  }

  /** Appends a piece, or the part of it that fits. */
  push(piece: Uint8Array): void {
    this.#add(this.#units.push(piece));
  }

  /** Marks the end of the stream. */
  end(): void {
    const rest = this.#units.end();
    if (rest.length > 0) this.#add(rest);
  }

  /** Returns the bytes between two positions. */
  between(start: Position, end: Position): Uint8Array {
    const pieces = this.#pieces;
    if (start.piece >= end.piece) {
      return pieces[end.piece].subarray(start.offset, end.offset);
    }
    return concatBytes([
      pieces[start.piece].subarray(start.offset),
      ...pieces.slice(start.piece + 1, end.piece),
      pieces[end.piece].subarray(0, end.offset),
    ]);
  }

  /** Removes everything before a position. */
  removeBefore(position: Position): void {
    this.#discardBefore(position);
    this.#startsMidLine = false;
    this.#savedHead = null;
    this.#acceptFromNextLine();
  }

  /** After `"drop-newest"` was full, accepts input again, from the start of a line. */
  #acceptFromNextLine(): void {
    if (!this.#isFull || this.#limits.overflow !== "drop-newest") return;
    this.#isFull = false;
    this.#skipsToNextLine = !this.#droppedToLineEnd;
  }

  #add(piece: Uint8Array): void {
    if (piece.length === 0) return;
    if (!this.#isLimited) this.#pieces.push(compact(piece));
    else if (this.#isSuspended) this.#addUnlimited(piece);
    else if (this.#limits.overflow === "drop-oldest") {
      this.#addDroppingOldest(piece);
    } else this.#addWhileFits(piece);
  }

  #append(piece: Uint8Array): void {
    const ends = this.#lineCount.add(piece);
    this.#pieces.push(compact(piece));
    this.#lineEndCounts.push(ends);
    this.#size += piece.length;
    this.#lineEnds += ends;
  }

  #addUnlimited(piece: Uint8Array): void {
    const lines = this.#fromNextLine(piece);
    if (!this.#isFull && lines.length > 0) this.#append(lines);
  }

  /** Drops whole pieces only; {@linkcode PieceBuffer.#trimStart} trims within a piece. */
  #addDroppingOldest(piece: Uint8Array): void {
    this.#append(piece);
    if (this.#dropPieces() > 0) this.#events.onPositionsChanged();
    const { maxBytes, maxLines } = this.#limits;
    this.#needsTrim = this.#startsMidLine || this.#size > maxBytes ||
      this.#lineEnds >= maxLines;
  }

  #dropPieces(): number {
    const { maxBytes, maxLines } = this.#limits;
    let dropped = 0;
    while (
      dropped < this.#pieces.length &&
      (this.#size - this.#pieces[dropped].length >= maxBytes ||
        this.#lineEnds - this.#lineEndCounts[dropped] > maxLines)
    ) {
      this.#size -= this.#pieces[dropped].length;
      this.#lineEnds -= this.#lineEndCounts[dropped];
      dropped++;
    }
    if (dropped > 0) {
      this.#startsMidLine = !this.#lines.endsLine(this.#pieces[dropped - 1]);
      this.#pieces.splice(0, dropped);
      this.#lineEndCounts.splice(0, dropped);
      this.#hasDropped = true;
    }
    return dropped;
  }

  /** Trims the oldest piece to the limits, at the start of a line if there is one. */
  #trimStart(): void {
    this.#needsTrim = false;
    const { maxBytes, maxLines } = this.#limits;
    const all = concatBytes(this.#pieces);
    const surplus = Math.max(0, all.length - maxBytes);
    let start = surplus + surplus % this.#lines.unit;
    // Keep "\r\n" together: the cut may fall between the two.
    const before = all.subarray(0, start);
    if (
      this.#lines.endsInCr(before) &&
      this.#lines.startsWithLf(all.subarray(start))
    ) start += this.#lines.unit;
    const isMidLine = start === 0
      ? this.#startsMidLine
      : !this.#lines.endsLine(all.subarray(0, start));
    if (isMidLine) start = this.#startOfLine(all, start);
    for (
      let surplus = countLines(this.#lines, all, start) - maxLines;
      surplus > 0;
      surplus--
    ) start = this.#lines.endOfLine(all, start);
    if (start === 0) return;
    this.#hasDropped = true;
    this.#startsMidLine = false;
    this.#replace([all.slice(start)]);
    this.#events.onPositionsChanged();
  }

  /**
   * Returns the start of the next line, or of the next character if there is no other
   * line.
   */
  #startOfLine(all: Uint8Array, from: number): number {
    const next = this.#lines.endOfLine(all, from);
    if (next >= 0 && next < all.length) return next;
    let start = from;
    while (this.#encoding === "utf-8" && (all[start] & 0xc0) === 0x80) start++;
    return start;
  }

  /**
   * Returns the part of `piece` from the next line on, if the current line is skipped.
   */
  #fromNextLine(piece: Uint8Array): Uint8Array {
    if (!this.#skipsToNextLine) return piece;
    const start = this.#lines.endOfLine(piece, 0);
    if (start < 0) return piece.subarray(0, 0);
    this.#skipsToNextLine = false;
    return piece.subarray(start);
  }

  #addWhileFits(whole: Uint8Array): void {
    this.#droppedToLineEnd = this.#lines.endsLine(whole);
    const piece = this.#fromNextLine(whole);
    if (this.#isFull || piece.length === 0) return;
    const fits = this.#fittingLength(piece, this.#size, this.#lineEnds);
    if (fits > 0) this.#append(piece.subarray(0, fits));
    if (fits === piece.length) return;
    this.#isFull = true;
    this.#hasDropped = true;
    this.#trimEnd();
    if (this.#limits.overflow === "error") this.#events.onOverflow();
  }

  /**
   * Returns how many bytes of `piece` fit if the buffer holds `size` bytes and
   * `lineEnds` complete lines.
   */
  #fittingLength(piece: Uint8Array, size: number, lineEnds: number): number {
    const { maxBytes, maxLines } = this.#limits;
    const available = Math.min(piece.length, maxBytes - size);
    let fits = 0;
    for (let lines = lineEnds; lines < maxLines; lines++) {
      const end = this.#lines.endOfLine(piece, fits);
      if (end < 0 || end > available) {
        return available - available % this.#lines.unit;
      }
      fits = end;
    }
    return fits;
  }

  /** Drops a partial line at the end, unless it is all there is. */
  #trimEnd(): void {
    const all = concatBytes(this.#pieces);
    if (this.#lines.endsLine(all)) return;
    this.#replace([this.#wholeLines(all)]);
    this.#events.onPositionsChanged();
  }

  /** Returns the complete lines, or the whole characters if there is no complete line. */
  #wholeLines(all: Uint8Array): Uint8Array {
    let end = 0;
    for (let next = 0; next >= 0; next = this.#lines.endOfLine(all, end)) {
      end = next;
    }
    return all.slice(0, end || completeLength(this.#encoding, all));
  }

  /** Returns the oldest part of `all` that is within the limits. */
  #headOf(all: Uint8Array): Uint8Array {
    const fitting = all.subarray(0, this.#fittingLength(all, 0, 0));
    return this.#lines.endsLine(fitting)
      ? fitting.slice()
      : this.#wholeLines(fitting);
  }

  #discardBefore({ piece, offset }: Position): void {
    const rest = this.#pieces.slice(piece);
    if (rest.length > 0) rest[0] = rest[0].subarray(offset);
    this.#replace(rest.filter(({ length }) => length > 0));
  }

  #replace(pieces: Uint8Array[]): void {
    this.#pieces = pieces;
    this.#lineEndCounts = [];
    this.#size = 0;
    this.#lineEnds = 0;
    if (!this.#isLimited) return;
    const count = new LineCount(this.#lines);
    for (const piece of pieces) {
      const ends = count.add(piece);
      this.#lineEndCounts.push(ends);
      this.#size += piece.length;
      this.#lineEnds += ends;
    }
  }
}

/** Counts the lines from `start` on, including a partial one. */
function countLines(lines: ByteLines, all: Uint8Array, start: number): number {
  const count = new LineCount(lines);
  count.add(all.subarray(start));
  return count.get(true);
}

/**
 * Copies a piece that is a small part of a larger buffer: a view keeps the whole buffer
 * in memory.
 */
function compact(piece: Uint8Array): Uint8Array {
  return piece.byteLength * 2 < piece.buffer.byteLength ? piece.slice() : piece;
}
