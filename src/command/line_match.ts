import { bounded } from "../outcome/message_text.ts";
import { kindOf } from "./checks.ts";

/**
 * Selects a line of output: a text that the line contains, a pattern that it matches, or a
 * function that returns `true` for it.
 */
export type LineMatch = string | RegExp | ((line: string) => boolean);

/**
 * Creates a function that tests a line.
 *
 * @throws {TypeError} naming `method`, if `match` is none of the three types
 */
export function lineTest(
  method: string,
  match: LineMatch,
): (line: string) => boolean {
  if (typeof match === "function") return match;
  if (typeof match === "string") return (line) => line.includes(match);
  if (match instanceof RegExp) {
    // A pattern with "g" or "y" starts the next test at `lastIndex`, where the last match ended.
    const pattern = new RegExp(match.source, match.flags.replace(/[gy]/g, ""));
    return (line) => pattern.test(line);
  }
  throw new TypeError(
    `${method}: expected a string, a RegExp or a function that tests a line, got ${
      kindOf(match)
    }`,
  );
}

/** Describes a {@linkcode LineMatch} for a message by a verb phrase, such as `contained "ready"`. */
export function describeLineMatch(match: LineMatch): string {
  if (typeof match === "function") return "matched the function";
  return match instanceof RegExp
    ? `matched ${bounded(String(match), 100)}`
    : `contained ${JSON.stringify(bounded(match, 100))}`;
}
