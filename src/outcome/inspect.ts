import { shortened } from "./message_text.ts";

/** The name of the method that `console.log` calls on both runtimes. It returns the text to print. */
export const INSPECT: unique symbol = Symbol.for("nodejs.util.inspect.custom");

/** Formats a nested value as `console.log` does. The runtime passes it to the method as the third argument. */
export type Inspect = (value: unknown, options: object) => string;

/** Quotes a text, and truncates it to `longest` characters. */
export function shownText(text: string, longest: number = 100): string {
  const shown = JSON.stringify(shortened(text, longest));
  return text.length <= longest
    ? shown
    : `${shown} (${text.length} characters)`;
}

/** Formats a count with its noun: "1 call", "2 calls". */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
