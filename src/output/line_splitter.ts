/** What ends a line: `"\n"`, or with `"cr"` a bare `"\r"` as well. */
export type LineTerminator = "lf" | "cr";

/** How long a line may be, and what becomes of one that is longer. */
export interface LineLimit {
  /** In UTF-16 code units. */
  readonly maxLength: number;
  /** Which end of the line stays. */
  readonly keeps: "head" | "tail";
  /** Called for every line that was cut. */
  readonly onCut: () => void;
}

/**
 * Cuts text that arrives in pieces into lines: the one definition of a line.
 * (`ByteLines` finds the same lines in what is still bytes.)
 *
 * A line ends at `"\n"`, and one `"\r"` before it goes too. A last line without
 * an end counts, and an empty text has no lines.
 */
export class LineSplitter {
  readonly #terminator: LineTerminator;
  readonly #limit: LineLimit | null;
  /** The start of a line whose end has not arrived. */
  #rest = "";
  /** Whether that is too long already, which was told. */
  #isOverlongReported = false;
  /** In "cr" mode: the last piece ended in `"\r"`, so a `"\n"` that comes first now belongs to it. */
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

  /** The lines that `text` completes. */
  push(text: string): string[] {
    const lines = this.#terminator === "lf"
      ? this.#pushLf(text)
      : this.#pushCr(text);
    return this.#limit === null ? lines : this.#limited(lines, this.#limit);
  }

  /** The last line, if it had no end. */
  end(): string[] {
    const last = this.#rest;
    this.#rest = "";
    if (last === "") return [];
    return this.#limit === null ? [last] : this.#limited([last], this.#limit);
  }

  // Splitting only the new piece keeps a long line that arrives in many pieces
  // linear; and where the piece has no "\r" no line has to be looked at for one.
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
        // The line is complete now, whether or not a "\n" follows: a progress bar must not lag by one.
        if (at + 1 === text.length) this.#afterCarriageReturn = true;
        else if (text.charCodeAt(at + 1) === LINE_FEED) at++;
      }
      start = at + 1;
    }
    this.#rest += text.slice(start);
    return lines;
  }

  /** Cuts lines that are too long, and the start of one that is becoming so. */
  #limited(lines: string[], limit: LineLimit): string[] {
    const { maxLength, keeps, onCut } = limit;
    lines.forEach((line, index) => {
      if (line.length <= maxLength) return;
      lines[index] = cut(line, maxLength, keeps);
      if (index > 0 || !this.#isOverlongReported) onCut();
    });
    if (lines.length > 0) this.#isOverlongReported = false;
    // Told before the line has ended, which it may never do. It may still have to
    // lose a "\r".
    if (!this.#isOverlongReported && this.#rest.length > maxLength + 1) {
      this.#isOverlongReported = true;
      onCut();
    }
    // Twice as long before it is cut: what is cut off each time is then worth the
    // copy. One more than may stay, which tells that it was cut.
    if (this.#rest.length > 2 * maxLength + CUT_MARGIN) {
      this.#rest = cut(this.#rest, maxLength + 2, keeps);
    }
    return lines;
  }
}

function withoutCr(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** A character of two code units is not cut in two. */
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

const CUT_MARGIN = 64 * 1024;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
