import { bounded } from "../outcome/message_text.ts";

// Checks of arguments. Each throws a TypeError or a RangeError whose message begins with
// `label`: the name of the method, the option or the value. They run when the caller
// passes the argument, so that the stack trace shows that call.

/** Checks that a text has no NUL character. Operating systems take NUL-terminated strings, which would end there. */
export function checkNoNul(label: string, text: string): string {
  checkString(label, text);
  if (text.includes("\0")) {
    throw new TypeError(
      `${label} contains a NUL character at position ${
        text.indexOf("\0")
      }; remove it`,
    );
  }
  return text;
}

/** Checks that a text is not empty and has no NUL character. */
function checkNotEmpty(label: string, text: string): string {
  if (checkNoNul(label, text) === "") throw new TypeError(`${label} is empty`);
  return text;
}

/** Checks that a text can be the name of an environment variable. */
export function checkVariableName(name: string): string {
  checkNotEmpty("the name of an environment variable", name);
  if (name.includes("=")) {
    throw new TypeError(
      `the name of an environment variable contains "=": ${
        JSON.stringify(name)
      }`,
    );
  }
  return name;
}

/** Checks that a number is a duration in milliseconds that a timer can take. */
export function checkMilliseconds(label: string, ms: number): number {
  if (typeof ms !== "number" || !(ms >= 0 && ms <= LONGEST_TIMER_MS)) {
    throw new RangeError(
      `${label}: expected milliseconds from 0 to ${LONGEST_TIMER_MS}, got ${
        shownValue(ms)
      }`,
    );
  }
  return ms;
}

/** Checks that a number is a whole number of at least `least`. */
export function checkWholeNumber(
  label: string,
  value: number,
  least: number,
): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(
    `${label}: expected a whole number of at least ${least}, got ${
      shownValue(value)
    }`,
  );
}

/** Checks that a value is an abort signal. */
export function checkAbortSignal(label: string, signal: unknown): AbortSignal {
  if (signal instanceof AbortSignal) return signal;
  throw new TypeError(
    `${label}: expected an AbortSignal, got ${shownValue(signal)}`,
  );
}

/** Checks that a value is a function. */
export function checkFunction<T>(label: string, value: T): T {
  if (typeof value === "function") return value;
  throw new TypeError(
    `${label}: expected a function, got ${shownValue(value)}`,
  );
}

/** Checks that a value is a boolean. */
export function checkBoolean(label: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(
    `${label}: expected true or false, got ${shownValue(value)}`,
  );
}

/** Checks that a value is one of the choices. */
export function checkedChoice<T extends string>(
  label: string,
  value: unknown,
  choices: readonly T[],
): T {
  const choice = choices.find((choice) => choice === value);
  if (choice !== undefined) return choice;
  throw new TypeError(
    `${label}: expected ${
      choices.map((choice) => JSON.stringify(choice)).join(" or ")
    }, got ${
      typeof value === "string" ? JSON.stringify(value) : String(value)
    }`,
  );
}

/** Checks that options are a plain object with known names: an unknown option would have no effect. */
export function checkOptions(
  label: string,
  options: unknown,
  known: Readonly<Record<string, unknown>>,
): asserts options is object {
  // Options are copied by spreading, which does not copy what an object inherits.
  if (!isPlainObject(options)) {
    const kind = kindOf(options);
    const got = kind === "an Object" ? "an object with a prototype" : kind;
    throw new TypeError(`${label}: expected a plain object, got ${got}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `${label}: unknown option ${JSON.stringify(name)}; known are ${
        Object.keys(known).join(", ")
      }`,
    );
  }
}

/** Tests whether a value is iterable. */
export function isIterable(value: unknown): boolean {
  return typeof (value as Iterable<unknown> | null | undefined)
    ?.[Symbol.iterator] === "function";
}

/**
 * Checks that a method received at most `max` arguments: more would have no effect.
 *
 * @throws {TypeError} naming the method, the extra arguments and `advice`
 */
export function checkArity(
  method: string,
  args: ArrayLike<unknown>,
  max: number,
  advice: string,
): void {
  if (args.length <= max) return;
  const takes = max === 0
    ? "no arguments"
    : max === 1
    ? "one argument"
    : `${max} arguments`;
  const extra = Array.from(args).slice(max).map(kindOf).join(", ");
  throw new TypeError(
    `${method} takes ${takes}, and ${
      max === 0 ? "" : "also "
    }got ${extra}: ${advice}`,
  );
}

/** Formats a value for a message: a primitive as a literal, an object or a function by its type. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(bounded(value, 100));
  return typeof value === "object" || typeof value === "function"
    ? kindOf(value)
    : String(value);
}

/** Names the class or the type of a value with an article, such as "an Array", for a message that does not show the value. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  const name: unknown = typeof value === "object"
    ? value.constructor?.name
    : typeof value;
  const kind = typeof name === "string" && name !== "" ? name : "object";
  return `${/^[aeio]/i.test(kind) ? "an" : "a"} ${kind}`;
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Not compared with Object.prototype: an object of another realm has a different one.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The longest delay of a timer, about 24 days: both runtimes count it in 32 bits and fire at once beyond that. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Returns a path that is given as a string or as a `file:` URL as a string. */
export function pathText(label: string, path: string | URL): string {
  if (path instanceof URL) return checkNotEmpty(label, filePathOf(label, path));
  if (/^file:\/\//i.test(checkNotEmpty(label, path))) {
    throw new TypeError(
      `${label}: a string is taken as a path; for a URL, use new URL(${
        JSON.stringify(path)
      })`,
    );
  }
  return path;
}

function checkString(label: string, text: unknown): void {
  if (typeof text !== "string") {
    throw new TypeError(
      `${label}: expected a string, got ${kindOf(text)}`,
    );
  }
}

function filePathOf(label: string, url: URL): string {
  if (url.protocol !== "file:") {
    throw new TypeError(`${label}: expected a file: URL, got ${url.href}`);
  }
  if (/%2f|%5c/i.test(url.pathname)) {
    throw new TypeError(
      `${label}: a file: URL must not contain an encoded path separator (%2F or %5C), got ${url.href}`,
    );
  }
  const path = decodedPath(label, url);
  const onWindows = /^\/[a-z]:/i.test(path);
  if (url.hostname !== "" && !onWindows) {
    throw new TypeError(
      `${label}: expected a file: URL without a host, got ${url.href}`,
    );
  }
  return onWindows ? path.slice(1).replaceAll("/", "\\") : path;
}

function decodedPath(label: string, url: URL): string {
  try {
    return decodeURIComponent(url.pathname);
  } catch (cause) {
    throw new TypeError(
      `${label}: expected a file: URL whose percent-encoded bytes are UTF-8, got ${url.href}`,
      { cause },
    );
  }
}
