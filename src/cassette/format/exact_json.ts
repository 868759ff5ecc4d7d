// What is used here is in both runtimes, and not yet in TypeScript's own types.
interface RawJson {
  readonly rawJSON: string;
}
const json = JSON as unknown as {
  rawJSON(text: string): RawJson;
  isRawJSON(value: unknown): value is RawJson;
  parse(
    text: string,
    reviver: (
      key: string,
      value: unknown,
      context: { source?: string },
    ) => unknown,
  ): unknown;
};

/** A value that `JSON.stringify` prints as these digits, however many there are. */
export function exactNumber(digits: string): unknown {
  return json.rawJSON(digits);
}

/** The digits of a number that {@linkcode parseExactly} kept as they were, or `null` for anything else. */
export function exactDigits(value: unknown): string | null {
  return json.isRawJSON(value) ? value.rawJSON : null;
}

/**
 * Parses JSON and keeps every number that JavaScript would print differently, or
 * could not hold, as {@linkcode exactNumber}. Several times slower than a plain parse.
 */
export function parseExactly(text: string): unknown {
  return json.parse(text, (_key, value, { source }) => {
    const isOrdinary = typeof value !== "number" || source === undefined ||
      String(value) === source;
    return isOrdinary ? value : json.rawJSON(source);
  });
}

/**
 * The numbers that are the values of a key in JSON text, as they are written
 * there, in order. The text must be known to be JSON.
 *
 * Inside of a string the quotes would be escaped, so that what looks like the key
 * and has a colon behind it is the key, or the end of another that ends in `"` and
 * the same name.
 */
export function numbersOf(text: string, key: string): string[] {
  const numbers: string[] = [];
  const quoted = `"${key}"`;
  for (
    let at = text.indexOf(quoted);
    at >= 0;
    at = text.indexOf(quoted, at + quoted.length)
  ) {
    const colon = skipSpace(text, at + quoted.length);
    if (text.charCodeAt(colon) !== COLON) continue;
    const start = skipSpace(text, colon + 1);
    const end = endOfNumber(text, start);
    if (end > start) numbers.push(text.slice(start, end));
  }
  return numbers;
}

const COLON = 58;

function skipSpace(text: string, at: number): number {
  while (at < text.length && text.charCodeAt(at) <= 32) at++;
  return at;
}

/** Where the number that starts at `at` ends: `at` itself if there is none. */
function endOfNumber(text: string, at: number): number {
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    const isDigit = code >= 48 && code <= 57;
    // + - . E e
    const isPart = code === 43 || code === 45 || code === 46 || code === 69 ||
      code === 101;
    if (!isDigit && !isPart) break;
  }
  return at;
}
