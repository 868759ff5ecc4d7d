interface Builtins {
  "bun:ffi": unknown;
  "node:fs": typeof import("node:fs");
  "node:net": typeof import("node:net");
  "node:os": typeof import("node:os");
}

/**
 * Returns a built-in module of the runtime. A static import would be loaded together
 * with this library, and would fail in a browser; this call loads the module at its
 * first use.
 */
export function builtin<Name extends keyof Builtins>(
  name: Name,
): Builtins[Name] {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: Name): Builtins[Name] };
  };
  return process.getBuiltinModule(name);
}

/** Returns the number of a signal. A runtime may report a signal by name or by number. */
export function signalNumber(signal: string | number): number | null {
  if (typeof signal === "number") return signal;
  const numbers: Readonly<Record<string, number>> =
    builtin("node:os").constants.signals;
  return numbers[signal] ?? null;
}

/** Returns the name of a signal on this host; `null` if the number has no name. */
export function signalNameOnHost(signal: number): string | null {
  const numbers: Readonly<Record<string, number>> =
    builtin("node:os").constants.signals;
  return Object.keys(numbers).find((name) => numbers[name] === signal) ?? null;
}
