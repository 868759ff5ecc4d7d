import type { LineTerminator } from "./line_splitter.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Finds in bytes the lines that `LineSplitter` finds in text, so that bytes can be
 * counted, limited and passed on by line without decoding them.
 *
 * It knows line terminators as single ASCII bytes, which nearly all encodings use, and
 * as UTF-16 code units. In UTF-16, each piece must hold whole code units.
 */
export class ByteLines {
  /** The size of a code unit in bytes. */
  readonly unit: 1 | 2;
  /** The index of the low byte in a code unit. */
  readonly #low: 0 | 1;
  readonly #crEndsLine: boolean;

  constructor(encoding: string, terminator: LineTerminator) {
    this.unit = encoding.startsWith("utf-16") ? 2 : 1;
    this.#low = encoding === "utf-16be" ? 1 : 0;
    this.#crEndsLine = terminator === "cr";
  }

  /**
   * Returns the position after the terminator of the first line that ends after `from`;
   * -1 if none does.
   */
  endOfLine(bytes: Uint8Array, from: number): number {
    if (this.#crEndsLine) return this.#endOfCrLine(bytes, from);
    const lineFeed = this.#find(LINE_FEED, bytes, from);
    return lineFeed < 0 ? -1 : lineFeed + this.unit;
  }

  /**
   * Whether the bytes end with a `"\r"` that ends a line. A `"\n"` at the start of the
   * next piece then belongs to that terminator.
   */
  endsInCr(bytes: Uint8Array): boolean {
    return this.#crEndsLine &&
      this.#unitAt(bytes, bytes.length - this.unit) === CARRIAGE_RETURN;
  }

  /** Whether the bytes start with `"\n"`. */
  startsWithLf(bytes: Uint8Array): boolean {
    return this.#unitAt(bytes, 0) === LINE_FEED;
  }

  /** Whether the bytes end with a line terminator. */
  endsLine(bytes: Uint8Array): boolean {
    return this.#unitAt(bytes, bytes.length - this.unit) === LINE_FEED ||
      this.endsInCr(bytes);
  }

  /** Returns the line without its terminator. */
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

/** Counts the lines of a stream that arrives in pieces. */
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

  /**
   * Returns the number of lines so far. A partial line counts only if the stream has
   * finished.
   */
  get(streamHasEnded: boolean): number {
    return this.#endedLines + (streamHasEnded && this.#hasPartialLine ? 1 : 0);
  }

  /** Whether the last line has no terminator yet. */
  get hasPartialLine(): boolean {
    return this.#hasPartialLine;
  }

  /** Adds a piece, and returns the number of lines that end in it. */
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

/**
 * Splits a stream into pieces of whole code units: an incomplete unit is moved to the
 * next piece.
 */
export class WholeUnits {
  readonly #unit: 1 | 2;
  #rest: Uint8Array | null = null;

  constructor(unit: 1 | 2) {
    this.#unit = unit;
  }

  /**
   * Returns the whole code units of `piece`, after the incomplete unit of the previous
   * piece.
   */
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

  /** The byte of an incomplete code unit, or no bytes. */
  get incompleteUnit(): Uint8Array {
    return this.#rest ?? NOTHING;
  }

  /** Returns the incomplete unit at the end of the stream. */
  end(): Uint8Array {
    const rest = this.incompleteUnit;
    this.#rest = null;
    return rest;
  }
}
