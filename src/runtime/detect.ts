import { UnsupportedError } from "../outcome/errors.ts";
import { provideSignalNames } from "../outcome/signal_names.ts";
import { signalNameOnHost } from "./builtin.ts";
import { bunRuntime } from "./bun.ts";
import { denoRuntime } from "./deno.ts";
import type { Runtime } from "./runtime.ts";

let current: Runtime | undefined;

/**
 * Returns the runtime that executes this program. It is detected at the first call.
 *
 * @throws {UnsupportedError} outside Deno and Bun
 */
export function runtime(): Runtime {
  if (current === undefined) {
    current = detect();
    provideSignalNames(signalNameOnHost);
  }
  return current;
}

function detect(): Runtime {
  if (isPresent("Bun")) return bunRuntime();
  if (isPresent("Deno")) return denoRuntime();
  throw new UnsupportedError(
    "running programs and reading cassettes here",
    "this library needs Deno or Bun; on Node.js, use a library made for it; a browser has no processes",
  );
}

/**
 * Tests for the runtime's global object. A web page may define the same name, but without
 * a version.
 */
function isPresent(name: "Bun" | "Deno"): boolean {
  const candidate: unknown = Reflect.get(globalThis, name);
  return typeof candidate === "object" && candidate !== null &&
    "version" in candidate;
}
