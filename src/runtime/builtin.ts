interface Builtins {
  "bun:ffi": unknown;
  "node:fs": typeof import("node:fs");
  "node:net": typeof import("node:net");
  "node:os": typeof import("node:os");
}

/**
 * A module that both runtimes have built in. Asked for when it is needed rather
 * than imported, so that importing this library works, and does nothing, anywhere.
 */
export function builtin<Name extends keyof Builtins>(
  name: Name,
): Builtins[Name] {
  const { process } = globalThis as unknown as {
    process: { getBuiltinModule(name: Name): Builtins[Name] };
  };
  return process.getBuiltinModule(name);
}

/** The number of a signal that a runtime gives by name, or as a number already. */
export function signalNumber(signal: string | number): number | null {
  if (typeof signal === "number") return signal;
  const numbers: Readonly<Record<string, number>> =
    builtin("node:os").constants.signals;
  return numbers[signal] ?? null;
}

/** The name of a signal on this host; `null` if the number has none. */
export function signalNameOnHost(signal: number): string | null {
  const numbers: Readonly<Record<string, number>> =
    builtin("node:os").constants.signals;
  return Object.keys(numbers).find((name) => numbers[name] === signal) ?? null;
}
