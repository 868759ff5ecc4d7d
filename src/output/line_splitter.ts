/** The line terminator: `"lf"` for `"\n"`, `"cr"` for `"\n"`, `"\r"` and `"\r\n"`. */
export type LineTerminator = "lf" | "cr";

/** A limit on the length of a line. */
export interface LineLimit {
  /** The maximum length in UTF-16 code units. */
  readonly maxLength: number;
  /** Which end of a longer line is kept. */
  readonly keeps: "head" | "tail";
  /** Called once for each line that is cut. */
  readonly onCut: () => void;
}

/**
 * Splits text that arrives in pieces into lines. This is the definition of a line;
 * `ByteLines` finds the same lines in bytes.
 *
 * A line ends with `"\n"` or `"\r\n"`. A last line without a terminator counts as a
 * line, and an empty text has no lines.
 */
export class LineSplitter {
  readonly #terminator: LineTerminator;
  readonly #limit: LineLimit | null;
  /** The start of a line whose terminator has not arrived. */
  #rest = "";
  /** Whether `onCut` was called for the line in `#rest`. */
  #isOverlongReported = false;
  /**
   * In "cr" mode: whether the previous piece ended with `"\r"`. A `"\n"` at the start
   * of the next piece then belongs to that terminator.
   */
  #afterCarriageReturn: boolean;

  constructor(
    terminator: LineTerminator,
    limit: LineLimit | null = null,
    { afterCarriageReturn = false } = {},
  ) {
    this.#terminator = terminator;
    this.#limit = limit;
    this.#afterCarriageReturn = afterCarriageReturn;
  }

  /** Adds text, and returns the lines that it completes. */
  push(text: string): string[] {
    const lines = this.#terminator === "lf"
      ? this.#pushLf(text)
      : this.#pushCr(text);
    return this.#limit === null ? lines : this.#limited(lines, this.#limit);
  }

  /** Returns the last line, if it had no terminator. */
  end(): string[] {
    const last = this.#rest;
    this.#rest = "";
    if (last === "") return [];
    return this.#limit === null ? [last] : this.#limited([last], this.#limit);
  }

  // Only the new piece is split, so that a long line in many pieces takes linear time.
  // Lines are checked for a "\r" only if there may be one.
  #pushLf(text: string): string[] {
    const lines = text.split("\n");
    const rest = lines.pop()!;
    if (lines.length === 0) {
      this.#rest += rest;
      return lines;
    }
    const mayEndInCr = text.includes("\r") || this.#rest.endsWith("\r");
    if (this.#rest !== "") lines[0] = this.#rest + lines[0];
    this.#rest = rest;
    return mayEndInCr ? lines.map(withoutCr) : lines;
  }

  #pushCr(text: string): string[] {
    const lines: string[] = [];
    let start = this.#afterCarriageReturn && text.startsWith("\n") ? 1 : 0;
    if (text !== "") this.#afterCarriageReturn = false;
    for (let at = start; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code !== LINE_FEED && code !== CARRIAGE_RETURN) continue;
      lines.push(this.#rest + text.slice(start, at));
      this.#rest = "";
      if (code === CARRIAGE_RETURN) {
        // The line is complete even if a "\n" follows: otherwise a progress bar would
        // always be one update behind.
        if (at + 1 === text.length) this.#afterCarriageReturn = true;
        else if (text.charCodeAt(at + 1) === LINE_FEED) at++;
      }
      start = at + 1;
    }
    this.#rest += text.slice(start);
    return lines;
  }

  /** Cuts lines that are too long, including a line that is not complete yet. */
  #limited(lines: string[], limit: LineLimit): string[] {
    const { maxLength, keeps, onCut } = limit;
    lines.forEach((line, index) => {
      if (line.length <= maxLength) return;
      lines[index] = cut(line, maxLength, keeps);
      if (index > 0 || !this.#isOverlongReported) onCut();
    });
    if (lines.length > 0) this.#isOverlongReported = false;
    // Report it now: the line may never end. The one extra character may be a "\r" of
    // the terminator.
    if (!this.#isOverlongReported && this.#rest.length > maxLength + 1) {
      this.#isOverlongReported = true;
      onCut();
    }
    // Cut at twice the length, so that each copy drops at least as much as it keeps.
    // Keep two extra characters, so that the line still counts as too long.
    if (this.#rest.length > 2 * maxLength + CUT_MARGIN) {
      this.#rest = cut(this.#rest, maxLength + 2, keeps);
    }
    return lines;
  }
}

function withoutCr(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** Cuts a line without splitting a surrogate pair. */
function cut(line: string, maxLength: number, keeps: "head" | "tail"): string {
  if (line.length <= maxLength) return line;
  const part = keeps === "head"
    ? line.slice(0, maxLength)
    : line.slice(line.length - maxLength);
  return part.isWellFormed() || !line.isWellFormed()
    ? part
    : keeps === "head"
    ? part.slice(0, -1)
    : part.slice(1);
}

/**
 * Added to the length at which an incomplete line is cut, so that short limits do not
 * copy often.
 */
const CUT_MARGIN = 64 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
