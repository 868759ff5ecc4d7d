/** What ends a line: `"\n"`, or with `"cr"` a bare `"\r"` as well. */
export type LineTerminator = "lf" | "cr";

/**
 * Cuts text that arrives in pieces into lines: the one definition of a line.
 *
 * A line ends at `"\n"`, and one `"\r"` before it goes too. A last line without
 * an end counts, and an empty text has no lines.
 */
export class LineSplitter {
  readonly #terminator: LineTerminator;
  /** The start of a line whose end has not arrived. */
  #rest = "";
  /** In "cr" mode: the last piece ended in `"\r"`, so a `"\n"` that comes first now belongs to it. */
  #afterCarriageReturn = false;

  constructor(terminator: LineTerminator) {
    this.#terminator = terminator;
  }

  /** The lines that `text` completes. */
  push(text: string): string[] {
    return this.#terminator === "lf" ? this.#pushLf(text) : this.#pushCr(text);
  }

  /** The last line, if it had no end. */
  end(): string[] {
    const last = this.#rest;
    this.#rest = "";
    return last === "" ? [] : [last];
  }

  // Searching only the new piece, by `indexOf`, keeps a long line that arrives in
  // many pieces linear, and is several times faster than a regular expression.
  #pushLf(text: string): string[] {
    const lines: string[] = [];
    let start = 0;
    for (
      let end = text.indexOf("\n");
      end >= 0;
      end = text.indexOf("\n", start)
    ) {
      let line = text.slice(start, end);
      if (start === 0 && this.#rest !== "") {
        line = this.#rest + line;
        this.#rest = "";
      }
      lines.push(line.endsWith("\r") ? line.slice(0, -1) : line);
      start = end + 1;
    }
    this.#rest += start === 0 ? text : text.slice(start);
    return lines;
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
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
