import { bounded } from "../outcome/message_text.ts";
import { kindOf } from "./checks.ts";

/**
 * Which line is looked for: one that contains a text, that matches a pattern, or for
 * which a function returns `true`.
 */
export type LineMatch = string | RegExp | ((line: string) => boolean);

/**
 * The test for a line.
 *
 * @throws {TypeError} naming `method`, if `match` is none of the three
 */
export function lineTest(
  method: string,
  match: LineMatch,
): (line: string) => boolean {
  if (typeof match === "function") return match;
  if (typeof match === "string") return (line) => line.includes(match);
  if (match instanceof RegExp) {
    // A copy: with "g" or "y" a pattern remembers where it has found something.
    const pattern = new RegExp(match.source, match.flags.replace(/[gy]/g, ""));
    return (line) => pattern.test(line);
  }
  throw new TypeError(
    `${method}: expected what to look for as a string, a RegExp or a function of the line, got ${
      kindOf(match)
    }`,
  );
}

/** A {@linkcode LineMatch} in words, for messages: what a line "…". */
export function describeLineMatch(match: LineMatch): string {
  if (typeof match === "function") return "matched the function";
  return match instanceof RegExp
    ? `matched ${bounded(String(match), 100)}`
    : `contained ${JSON.stringify(bounded(match, 100))}`;
}
