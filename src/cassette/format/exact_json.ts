// Both runtimes have these functions. TypeScript has no types for them yet.
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

/** Returns a value that `JSON.stringify` prints as exactly these digits. */
export function exactNumber(digits: string): unknown {
  return json.rawJSON(digits);
}

/** Returns the digits of a value made by {@linkcode exactNumber}, or `null` for any other value. */
export function exactDigits(value: unknown): string | null {
  return json.isRawJSON(value) ? value.rawJSON : null;
}

/**
 * Parses JSON without changing any number: one that JavaScript would print differently, or
 * cannot represent, becomes an {@linkcode exactNumber}. Several times slower than
 * `JSON.parse` without a reviver.
 */
export function parseExactly(text: string): unknown {
  return json.parse(text, (_key, value, { source }) => {
    const isOrdinary = typeof value !== "number" || source === undefined ||
      String(value) === source;
    return isOrdinary ? value : json.rawJSON(source);
  });
}

/**
 * Returns the number literals that are values of a key in JSON text, in order. The text
 * must be valid JSON.
 *
 * The key is searched for with its quotes, followed by a colon. Quotes inside a string are
 * escaped, so a match is the key itself, or the end of a longer key that contains a quote.
 * The caller must check for the latter.
 */
export function numberLiteralsOf(text: string, key: string): string[] {
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

/** The end of the number that starts at `at`, or `at` if there is no number. */
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
