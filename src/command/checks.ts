import { bounded } from "../outcome/message_text.ts";

// What can be refused before anything runs is refused here, where the mistake
// is made, with the name of the thing in the message.

/** Refuses what no operating system can pass on: a NUL ends a string there. */
export function checkNoNul(what: string, text: string): string {
  checkString(what, text);
  if (text.includes("\0")) {
    throw new TypeError(
      `${what} holds a NUL character at position ${
        text.indexOf("\0")
      }: remove it`,
    );
  }
  return text;
}

/** Refuses an empty text, or one with a NUL. */
function checkNotEmpty(what: string, text: string): string {
  if (checkNoNul(what, text) === "") throw new TypeError(`${what} is empty`);
  return text;
}

/** Refuses what cannot name an environment variable. */
export function checkVariableName(name: string): string {
  checkNotEmpty("an environment variable's name", name);
  if (name.includes("=")) {
    throw new TypeError(
      `an environment variable's name holds "=": ${JSON.stringify(name)}`,
    );
  }
  return name;
}

/** Refuses a duration that no timer can hold. */
export function checkMilliseconds(what: string, ms: number): number {
  if (typeof ms !== "number" || !(ms >= 0 && ms <= LONGEST_TIMER_MS)) {
    throw new RangeError(
      `${what}: expected milliseconds from 0 to ${LONGEST_TIMER_MS}, got ${
        shownValue(ms)
      }`,
    );
  }
  return ms;
}

/** Refuses what is no whole number, or below `least`. */
export function checkWholeNumber(
  what: string,
  value: number,
  least: number,
): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new RangeError(
    `${what}: expected a whole number of at least ${least}, got ${
      shownValue(value)
    }`,
  );
}

/** Refuses what cannot end anything. */
export function checkAbortSignal(what: string, signal: unknown): AbortSignal {
  if (signal instanceof AbortSignal) return signal;
  throw new TypeError(
    `${what}: expected an AbortSignal, got ${shownValue(signal)}`,
  );
}

/** Refuses what cannot be called. */
export function checkFunction<T>(what: string, value: T): T {
  if (typeof value === "function") return value;
  throw new TypeError(
    `${what}: expected a function, got ${shownValue(value)}`,
  );
}

/** Refuses what is neither true nor false. */
export function checkBoolean(what: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(
    `${what}: expected true or false, got ${shownValue(value)}`,
  );
}

/** Refuses a value that is none of the choices. */
export function checkedChoice<T extends string>(
  what: string,
  value: unknown,
  choices: readonly T[],
): T {
  const choice = choices.find((choice) => choice === value);
  if (choice !== undefined) return choice;
  throw new TypeError(
    `${what}: expected ${
      choices.map((choice) => JSON.stringify(choice)).join(" or ")
    }, got ${
      typeof value === "string" ? JSON.stringify(value) : String(value)
    }`,
  );
}

/** Refuses what are no options, and an option that there is not: what it was to do would not be done. */
export function checkOptions(
  what: string,
  options: unknown,
  known: Readonly<Record<string, unknown>>,
): asserts options is object {
  // What another object has by its class would be lost where options are copied.
  if (!isPlainObject(options)) {
    const kind = kindOf(options);
    const got = kind === "an Object" ? "one that has a prototype" : kind;
    throw new TypeError(`${what}: expected a plain object, got ${got}`);
  }
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    throw new TypeError(
      `${what}: unknown option ${JSON.stringify(name)}; known are ${
        Object.keys(known).join(", ")
      }`,
    );
  }
}

/** Whether a value can be iterated over. */
export function isIterable(value: unknown): boolean {
  return typeof (value as Iterable<unknown> | null | undefined)
    ?.[Symbol.iterator] === "function";
}

/**
 * Refuses arguments that a method does not take: what they were meant to do would not be
 * done, without a word.
 *
 * @throws {TypeError} naming the method, with `advice`
 */
export function checkArity(
  method: string,
  args: ArrayLike<unknown>,
  most: number,
  advice: string,
): void {
  if (args.length <= most) return;
  const takes = most === 0
    ? "no arguments"
    : most === 1
    ? "one argument"
    : `${most} arguments`;
  const extra = Array.from(args).slice(most).map(kindOf).join(", ");
  throw new TypeError(
    `${method} takes ${takes}, and ${
      most === 0 ? "" : "also "
    }got ${extra}: ${advice}`,
  );
}

/** A value for a message: a number, text or literal as it is, of anything else what it is. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(bounded(value, 100));
  return typeof value === "object" || typeof value === "function"
    ? kindOf(value)
    : String(value);
}

/** What a value is, for a message that is not to show it: its class, or its type. */
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
  // Of whatever realm.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Both runtimes' timers count in 32 bits and fire at once beyond it (about 24 days). */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The text of a path that is given as text or as a `file:` URL. */
export function pathText(what: string, path: string | URL): string {
  if (path instanceof URL) return checkNotEmpty(what, filePathOf(what, path));
  if (/^file:\/\//i.test(checkNotEmpty(what, path))) {
    throw new TypeError(
      `${what}: a string is a path, and no URL: give new URL(${
        JSON.stringify(path)
      })`,
    );
  }
  return path;
}

function checkString(what: string, text: unknown): void {
  if (typeof text !== "string") {
    throw new TypeError(
      `${what}: expected a string, got ${kindOf(text)}`,
    );
  }
}

function filePathOf(what: string, url: URL): string {
  if (url.protocol !== "file:") {
    throw new TypeError(`${what}: expected a file: URL, got ${url.href}`);
  }
  if (/%2f|%5c/i.test(url.pathname)) {
    throw new TypeError(
      `${what}: an encoded path separator cannot be part of a name: ${url.href}`,
    );
  }
  const path = decodedPath(what, url);
  const onWindows = /^\/[a-z]:/i.test(path);
  if (url.hostname !== "" && !onWindows) {
    throw new TypeError(`${what}: a file: URL here has no host: ${url.href}`);
  }
  return onWindows ? path.slice(1).replaceAll("/", "\\") : path;
}

function decodedPath(what: string, url: URL): string {
  try {
    return decodeURIComponent(url.pathname);
  } catch (cause) {
    throw new TypeError(
      `${what}: what is encoded in the URL is not UTF-8: ${url.href}`,
      { cause },
    );
  }
}
