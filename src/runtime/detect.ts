import { UnsupportedError } from "../outcome/errors.ts";
import { provideSignalNames } from "../outcome/signal_names.ts";
import { bunRuntime } from "./bun.ts";
import { signalNameOnHost } from "./builtin.ts";
import { denoRuntime } from "./deno.ts";
import type { Runtime } from "./runtime.ts";

let current: Runtime | undefined;

/**
 * The runtime this program is in, found out at the first use.
 *
 * @throws {UnsupportedError} on anything but Deno and Bun
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
    "this library needs Deno or Bun; on Node.js use a library made for it, in a browser there are no processes",
  );
}

/** Whether the runtime's global is there and says which version it is: a page may have anything of that name. */
function isPresent(name: "Bun" | "Deno"): boolean {
  const candidate: unknown = Reflect.get(globalThis, name);
  return typeof candidate === "object" && candidate !== null &&
    "version" in candidate;
}
