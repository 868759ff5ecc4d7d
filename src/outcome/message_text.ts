import { shellQuote } from "./shell_quote.ts";

/** `error`'s message, in one bounded line, whatever was thrown. */
export function messageOf(error: unknown): string {
  return bounded(error instanceof Error ? error.message : String(error), 200);
}

/** A name in a message, bounded. */
export function quoted(name: string): string {
  return `\`${bounded(name, 200)}\``;
}

/** A command line in a message, as a POSIX shell would read it; bounded. */
export function quotedCommandLine(
  program: string,
  args: readonly string[] = [],
): string {
  // Not every word: a command line could have a million of them.
  const words = shellQuote([program, ...args.slice(0, 100)]);
  return `\`${bounded(words, 500)}\``;
}

/** Bounds a text to one line of at most `limit` characters, so that no output can flood a log. */
export function bounded(text: string, limit: number): string {
  const line = text.slice(0, limit + 1).replace(
    /[\p{Cc}\u2028\u2029]+/gu,
    " ",
  );
  return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
}

/** A text for a message: as much of it as `longest` characters are. */
export function shortened(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}…`;
}

/** How many lines of output a message has at most, and how long each may be, in characters. */
const TAIL_LINES = 20;
const LONGEST_LINE = 300;
/** How much of an output is looked at for that, in characters or bytes. */
const TAIL_WINDOW = 64 * 1024;

/**
 * The end of a run's output for a message: up to the last 20 lines of stderr, or of
 * stdout if stderr says nothing; `null` if neither does.
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
  const shown = lines.slice(-TAIL_LINES).map((line) => `  ${lastDrawn(line)}`);
  const isCut = lines.length > TAIL_LINES || end.length < output.length;
  const title = isCut ? `${name}, the last ${shown.length} lines` : name;
  return [`${title}:`, ...shown].join("\n").trimEnd();
}

/** A progress bar redraws its line after a bare `"\r"`: only the last drawing is shown. */
function lastDrawn(line: string): string {
  const text = line.trimEnd();
  const drawn = text.slice(text.lastIndexOf("\r") + 1);
  return bounded(drawn.replaceAll(ANSI_SEQUENCE, ""), LONGEST_LINE).trimEnd();
}

/** Colours and cursor movements (CSI), and titles and links (OSC). */
const ANSI_SEQUENCE = new RegExp(
  "\u001b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\u0007\u001b]*(?:\u0007|\u001b\\\\)?)",
  "g",
);
