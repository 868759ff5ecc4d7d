import { shortened } from "./message_text.ts";

/** The method that `console.log` calls on both runtimes; it returns the text to print. */
export const INSPECT: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/** How `console.log` prints a nested value; the third argument of the method. */
export type Inspect = (value: unknown, options: object) => string;

/** A text in quotes, of which a long one is cut. */
export function shownText(text: string, longest: number = 100): string {
  const shown = JSON.stringify(shortened(text, longest));
  return text.length <= longest
    ? shown
    : `${shown} (${text.length} characters)`;
}

/** A number of things: "1 call", "2 calls". */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
