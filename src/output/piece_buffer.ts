import { type BufferLimits, isLimited } from "./buffer_limits.ts";
import { type ByteLines, LineCount, WholeUnits } from "./byte_lines.ts";
import { completeLength } from "./piece_decoder.ts";
import { concatBytes } from "./text.ts";

/** A place in pieces: before the byte `at` of a piece. */
export interface Position {
  readonly piece: number;
  readonly offset: number;
}

const START: Position = Object.freeze({ piece: 0, offset: 0 });

/** Who is told what becomes of {@linkcode PieceBuffer}. */
export interface PieceBufferEvents {
  /** More came than may be kept, and that is an error; told once. */
  readonly onOverflow: () => void;
  /** What is kept has moved: places are no longer what they were. */
  readonly onPositionsChanged: () => void;
}

/**
 * Pieces of a stream, within limits. What is dropped is whole lines, the first or
 * the last ones; only of a line that is longer than all that may be kept a part
 * stays.
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
  /** How many lines end in each of them; only where something is limited. */
  #lineEndCounts: number[] = [];
  #size = 0;
  #lineEnds = 0;
  #hasDropped = false;
  /** Whether the first ones have to be looked at more closely before anybody sees them. */
  #needsTrim = false;
  /** Whether the first line is the rest of one. */
  #startsMidLine = false;
  /** Dropping the newest: whether no more is taken; and then, whether it is again from the next line on. */
  #isFull = false;
  #skipsToNextLine = false;
  #droppedToLineEnd = false;
  #isSuspended = false;
  /** While the limits are suspended: the oldest that is kept, set aside. */
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

  /** What came after that, and is no whole code unit yet. */
  get incompleteUnit(): Uint8Array {
    return this.#units.incompleteUnit;
  }

  /** What is kept. */
  get pieces(): readonly Uint8Array[] {
    if (this.#needsTrim) this.#trimStart();
    return this.#pieces;
  }

  /**
   * Takes everything from now on, so that whoever looks through it sees all of it:
   * the limits are kept by {@linkcode PieceBuffer.enforceLimits} alone.
   */
  suspendLimits(): void {
    if (!this.#isLimited) return;
    if (this.#needsTrim) this.#trimStart();
    this.#isSuspended = true;
    this.#acceptFromNextLine();
  }

  /** Keeps the limits again, to the byte. */
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
   * Keeps the limits, now that everything up to a place was looked at. Returns what
   * has become of the place: itself where nothing has moved.
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

  /** Sets aside the oldest that may be kept, and drops what was looked at beyond it. */
  #saveHead(looked: Position): Position {
    if (this.#savedHead === null && !this.#exceedsLimits()) return looked;
    if (this.#savedHead === null) {
      this.#savedHead = this.#headOf(concatBytes(this.#pieces));
      this.#hasDropped = true;
    }
    this.#discardBefore(looked);
    return START;
  }

  /** Adds a piece, or of it what may be kept. */
  push(piece: Uint8Array): void {
    this.#add(this.#units.push(piece));
  }

  /** Says that there are no more. */
  end(): void {
    const rest = this.#units.end();
    if (rest.length > 0) this.#add(rest);
  }

  /** The bytes from one place to another. */
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

  /** Takes away what is before a place. */
  removeBefore(place: Position): void {
    this.#discardBefore(place);
    this.#startsMidLine = false;
    this.#savedHead = null;
    this.#acceptFromNextLine();
  }

  /** Where the newest were dropped there is room again: from the next line on. */
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

  /** Drops whole pieces; {@linkcode PieceBuffer.#trimStart} does the rest. */
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

  /** Cuts what is more than may be kept off the start, at the start of a line if there is one. */
  #trimStart(): void {
    this.#needsTrim = false;
    const { maxBytes, maxLines } = this.#limits;
    const all = concatBytes(this.#pieces);
    const surplus = Math.max(0, all.length - maxBytes);
    let start = surplus + surplus % this.#lines.unit;
    // A line end may be cut in two as well.
    const before = all.subarray(0, start);
    if (
      this.#lines.endsInCr(before) &&
      this.#lines.startsWithLf(all.subarray(start))
    ) start += this.#lines.unit;
    const isWithin = start === 0
      ? this.#startsMidLine
      : !this.#lines.endsLine(all.subarray(0, start));
    if (isWithin) start = this.#startOfLine(all, start);
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

  /** The start of the next line; where there is none, that of the next character. */
  #startOfLine(all: Uint8Array, from: number): number {
    const next = this.#lines.endOfLine(all, from);
    if (next >= 0 && next < all.length) return next;
    let start = from;
    while (this.#encoding === "utf-8" && (all[start] & 0xc0) === 0x80) start++;
    return start;
  }

  /** The piece from the start of a line on, if that is waited for. */
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

  /** How much of a piece may be kept beside so many bytes and lines. */
  #fittingLength(piece: Uint8Array, size: number, lineEnds: number): number {
    const { maxBytes, maxLines } = this.#limits;
    const room = Math.min(piece.length, maxBytes - size);
    let fits = 0;
    for (let lines = lineEnds; lines < maxLines; lines++) {
      const end = this.#lines.endOfLine(piece, fits);
      if (end < 0 || end > room) return room - room % this.#lines.unit;
      fits = end;
    }
    return fits;
  }

  /** Cuts the start of a line off the end, unless nothing would be left. */
  #trimEnd(): void {
    const all = concatBytes(this.#pieces);
    if (this.#lines.endsLine(all)) return;
    this.#replace([this.#wholeLines(all)]);
    this.#events.onPositionsChanged();
  }

  /** The whole lines of it; where there is none, the whole characters. */
  #wholeLines(all: Uint8Array): Uint8Array {
    let end = 0;
    for (let next = 0; next >= 0; next = this.#lines.endOfLine(all, end)) {
      end = next;
    }
    return all.slice(0, end || completeLength(this.#encoding, all));
  }

  /** The start of what is too much: of it, what may be kept. */
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

/** How many lines there are from `start` on, one that has not ended included. */
function countLines(lines: ByteLines, all: Uint8Array, start: number): number {
  const count = new LineCount(lines);
  count.add(all.subarray(start));
  return count.get(true);
}

/** A runtime may hand out a few bytes within a large buffer, which keeping them would keep. */
function compact(piece: Uint8Array): Uint8Array {
  return piece.byteLength * 2 < piece.buffer.byteLength ? piece.slice() : piece;
}
