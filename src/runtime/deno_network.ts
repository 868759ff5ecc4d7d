import { UnsupportedError } from "../outcome/errors.ts";
import { isGranted } from "./deno_permission.ts";
import type { Address, Network } from "./runtime.ts";

/** Implements {@linkcode Network} with Deno's own functions. */
export const denoNetwork: Network = {
  async canConnect(address, signal) {
    for (const hostname of hostsOf(address)) {
      try {
        (await Deno.connect({ hostname, port: address.port, signal })).close();
        return true;
      } catch (cause) {
        if (cause instanceof Deno.errors.NotCapable) {
          throw new UnsupportedError(
            "waiting for a port",
            `grant --allow-net=${hostname}:${address.port}`,
            { cause },
          );
        }
        // No server listens on the port, or not yet, or the signal has fired.
      }
    }
    return false;
  },
};

/**
 * Returns the hosts to try. The IPv6 loopback address is tried only where it takes no
 * further permission.
 */
function hostsOf({ hostname, port }: Address): readonly string[] {
  if (hostname !== undefined) return [hostname];
  const host = `[::1]:${port}`;
  return isGranted({ name: "net", host })
    ? ["127.0.0.1", "::1"]
    : ["127.0.0.1"];
}
