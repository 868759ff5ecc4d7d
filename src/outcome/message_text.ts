/** `error`'s message, in one bounded line, whatever was thrown. */
export function messageOf(error: unknown): string {
  return bounded(error instanceof Error ? error.message : String(error), 200);
}

/** A name in a message, bounded. */
export function quoted(name: string): string {
  return `\`${bounded(name, 200)}\``;
}

/** Bounds a text to one line of at most `limit` characters, so that no output can flood a log. */
export function bounded(text: string, limit: number): string {
  const line = text.slice(0, limit + 1).replace(
    /[\p{Cc}\u2028\u2029]+/gu,
    " ",
  );
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

export function lastWords(stderr: string): string {
  const trimmed = stderr.trimEnd();
  if (trimmed === "") return "";
  // A progress bar redraws its line with a bare \r: only the last drawing is worth showing.
  const last = trimmed.slice(
    Math.max(trimmed.lastIndexOf("\n"), trimmed.lastIndexOf("\r")) + 1,
  ).trim();
  return `: ${bounded(last, 300)}`;
}

/** A text for a message: as much of it as `longest` characters are. */
export function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}
