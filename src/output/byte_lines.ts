import type { LineTerminator } from "./line_splitter.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Finds in bytes the lines that `LineSplitter` finds in their text, so that bytes
 * can be counted, bounded and handed on by lines without becoming text.
 *
 * It knows ASCII's line ends in one byte, as nearly every encoding has them, and in
 * the two of UTF-16, of which pieces have to hold whole units.
 */
export class ByteLines {
  /** How many bytes a code unit has. */
  readonly unit: 1 | 2;
  /** Which byte of a code unit is the lower one. */
  readonly #low: 0 | 1;
  readonly #crEndsLine: boolean;

  constructor(encoding: string, terminator: LineTerminator) {
    this.unit = encoding.startsWith("utf-16") ? 2 : 1;
    this.#low = encoding === "utf-16be" ? 1 : 0;
    this.#crEndsLine = terminator === "cr";
  }

  /** Where the first line that ends at or after `from` ends, its end included; -1 if none does. */
  endOfLine(bytes: Uint8Array, from: number): number {
    if (this.#crEndsLine) return this.#endOfCrLine(bytes, from);
    const lineFeed = this.#find(LINE_FEED, bytes, from);
    return lineFeed < 0 ? -1 : lineFeed + this.unit;
  }

  /** Whether the bytes end in a `"\r"` that ends a line by itself: a `"\n"` that follows belongs to it. */
  endsInCr(bytes: Uint8Array): boolean {
    return this.#crEndsLine &&
      this.#unitAt(bytes, bytes.length - this.unit) === CARRIAGE_RETURN;
  }

  /** Whether the bytes begin with a `"\n"`. */
  startsWithLf(bytes: Uint8Array): boolean {
    return this.#unitAt(bytes, 0) === LINE_FEED;
  }

  /** Whether a line ends where the bytes do. */
  endsLine(bytes: Uint8Array): boolean {
    return this.#unitAt(bytes, bytes.length - this.unit) === LINE_FEED ||
      this.endsInCr(bytes);
  }

  /** The bytes of a line without its end. */
  withoutTerminator(line: Uint8Array): Uint8Array {
    let end = line.length;
    if (this.#unitAt(line, end - this.unit) === LINE_FEED) end -= this.unit;
    else if (!this.#crEndsLine) return line;
    if (this.#unitAt(line, end - this.unit) === CARRIAGE_RETURN) {
      end -= this.unit;
    }
    return line.subarray(0, end);
  }

  #endOfCrLine(bytes: Uint8Array, from: number): number {
    for (let at = from; at < bytes.length; at += this.unit) {
      const code = this.#unitAt(bytes, at);
      const next = at + this.unit;
      if (code === LINE_FEED) return next;
      if (code === CARRIAGE_RETURN) {
        return this.#unitAt(bytes, next) === LINE_FEED
          ? next + this.unit
          : next;
      }
    }
    return -1;
  }

  #unitAt(bytes: Uint8Array, at: number): number {
    if (at < 0 || at + this.unit > bytes.length) return -1;
    return this.unit === 1
      ? bytes[at]
      : bytes[at + this.#low] + 256 * bytes[at + 1 - this.#low];
  }

  #find(code: number, bytes: Uint8Array, from: number): number {
    if (this.unit === 1) return bytes.indexOf(code, from);
    for (let at = from + this.#low;; at += 1) {
      at = bytes.indexOf(code, at);
      if (at < 0) return -1;
      const start = at - this.#low;
      if (start % 2 === 0 && this.#unitAt(bytes, start) === code) return start;
    }
  }
}

/** Counts the lines in pieces of a stream. */
export class LineCount {
  readonly #lines: ByteLines;
  readonly #units: WholeUnits;
  #endedLines = 0;
  #afterCr = false;
  #hasPartialLine = false;

  constructor(lines: ByteLines) {
    this.#lines = lines;
    this.#units = new WholeUnits(lines.unit);
  }

  /** How many lines there are so far; one that has not ended counts when the stream has. */
  get(streamHasEnded: boolean): number {
    return this.#endedLines + (streamHasEnded && this.#hasPartialLine ? 1 : 0);
  }

  /** Whether there is a line that has not ended. */
  get hasPartialLine(): boolean {
    return this.#hasPartialLine;
  }

  /** Counts the lines that end in a further piece; returns how many. */
  add(bytes: Uint8Array): number {
    const piece = this.#units.push(bytes);
    if (piece.length === 0) return 0;
    const lines = this.#lines;
    const before = this.#endedLines;
    let at = this.#afterCr && lines.startsWithLf(piece) ? lines.unit : 0;
    if (at < piece.length) this.#hasPartialLine = !lines.endsLine(piece);
    this.#afterCr = lines.endsInCr(piece);
    for (;;) {
      at = lines.endOfLine(piece, at);
      if (at < 0) return this.#endedLines - before;
      this.#endedLines++;
    }
  }
}

const NOTHING = new Uint8Array(0);

/** Has every piece of a stream hold whole units: what is left over comes with the next one. */
export class WholeUnits {
  readonly #unit: 1 | 2;
  #rest: Uint8Array | null = null;

  constructor(unit: 1 | 2) {
    this.#unit = unit;
  }

  /** The piece in whole units, with what was left over of the last one. */
  push(piece: Uint8Array): Uint8Array {
    if (this.#unit === 1) return piece;
    let bytes = piece;
    if (this.#rest !== null) {
      bytes = new Uint8Array(1 + piece.length);
      bytes.set(this.#rest);
      bytes.set(piece, 1);
      this.#rest = null;
    }
    if (bytes.length % 2 === 0) return bytes;
    this.#rest = bytes.slice(-1);
    return bytes.subarray(0, -1);
  }

  /** What is left over. */
  get incompleteUnit(): Uint8Array {
    return this.#rest ?? NOTHING;
  }

  /** What is left over at the end. */
  end(): Uint8Array {
    const rest = this.incompleteUnit;
    this.#rest = null;
    return rest;
  }
}
