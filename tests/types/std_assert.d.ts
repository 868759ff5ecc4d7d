// The npm package ships no declarations; these are of the functions the tests use.
export function assert(condition: unknown, message?: string): asserts condition;
export function assertEquals<T>(actual: T, expected: T, message?: string): void;
export function assertNotEquals<T>(
  actual: T,
  expected: T,
  message?: string,
): void;
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T;
export function assertMatch(
  actual: string,
  expected: RegExp,
  message?: string,
): void;
export function assertStringIncludes(
  actual: string,
  expected: string,
  message?: string,
): void;
export function assertInstanceOf<T>(
  actual: unknown,
  // deno-lint-ignore no-explicit-any -- a constructor's parameters do not matter here
  expected: abstract new (...args: any[]) => T,
  message?: string,
): asserts actual is T;
export function assertThrows<E extends Error>(
  body: () => unknown,
  // deno-lint-ignore no-explicit-any -- a constructor's parameters do not matter here
  errorClass: abstract new (...args: any[]) => E,
  messageIncludes?: string,
): E;
export function assertRejects<E extends Error>(
  body: () => Promise<unknown>,
  // deno-lint-ignore no-explicit-any -- a constructor's parameters do not matter here
  errorClass: abstract new (...args: any[]) => E,
  messageIncludes?: string,
): Promise<E>;
