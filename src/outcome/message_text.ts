import { shellQuote } from "./shell_quote.ts";

/** Returns the message of a thrown value in one line of at most 200 characters. */
export function messageOf(error: unknown): string {
  return bounded(error instanceof Error ? error.message : String(error), 200);
}

/** Quotes a name for a message, in at most 200 characters. */
export function quoted(name: string): string {
  return `\`${bounded(name, 200)}\``;
}

/** Quotes a command line for a message, as a POSIX shell would read it, in at most 500 characters. */
export function quotedCommandLine(
  program: string,
  args: readonly string[] = [],
): string {
  // Quoting all words would be slow for a command line that has a million of them.
  const words = shellQuote([program, ...args.slice(0, 100)]);
  return `\`${bounded(words, 500)}\``;
}

/** Makes one line of a text, and truncates it to `limit` characters. */
export function bounded(text: string, limit: number): string {
  const line = text.slice(0, limit + 1).replace(
    /[\p{Cc}\u2028\u2029]+/gu,
    " ",
  );
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

/** Truncates a text to `longest` characters. Line breaks stay. */
export function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

/** The maximum number of lines of output in a message. */
const TAIL_LINES = 20;
/** The maximum length of each of them, in characters. */
const LONGEST_LINE = 300;
/** How much of the end of an output is searched for these lines, in characters or bytes. */
const TAIL_WINDOW = 64 * 1024;

/**
 * Formats the end of a run's output for a message: up to the last 20 lines of stderr, or
 * of stdout if stderr is blank. Returns `null` if both are blank.
 */
export function outputTail(
  stderr: string,
  stdout: string | Uint8Array,
): string | null {
  return tailOf("stderr", stderr) ?? tailOf("stdout", stdout);
}

function tailOf(name: string, output: string | Uint8Array): string | null {
  const end = typeof output === "string"
    ? output.slice(-TAIL_WINDOW)
    : new TextDecoder().decode(output.subarray(-TAIL_WINDOW));
  const text = end.trimEnd();
  if (text === "") return null;
  const lines = text.split("\n");
  const shown = lines.slice(-TAIL_LINES).map((line) =>
    `  ${visiblePart(line)}`
  );
  const isPartial = lines.length > TAIL_LINES || end.length < output.length;
  const title = isPartial ? `${name}, the last ${shown.length} lines` : name;
  return [`${title}:`, ...shown].join("\n").trimEnd();
}

/** Returns what a terminal shows of a line: a progress bar draws over the line after each bare `"\r"`. */
function visiblePart(line: string): string {
  const text = line.trimEnd();
  const visible = text.slice(text.lastIndexOf("\r") + 1);
  return bounded(visible.replaceAll(ANSI_SEQUENCE, ""), LONGEST_LINE).trimEnd();
}

/** The escape sequences for colours and cursor movements (CSI), and for titles and links (OSC). */
const ANSI_SEQUENCE = new RegExp(
  "\u001b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\u0007\u001b]*(?:\u0007|\u001b\\\\)?)",
  "g",
);
