import { UnsupportedError } from "../outcome/errors.ts";
import { isGranted } from "./deno_permission.ts";
import type { Address, Network } from "./runtime.ts";

/** The network by way of Deno's own calls. */
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
        // Nobody listens there, or not yet, or nobody waits any more.
      }
    }
    return false;
  },
};

/** Without a host, this machine, by either of its addresses; the second where it need not be asked for. */
function hostsOf({ hostname, port }: Address): readonly string[] {
  if (hostname !== undefined) return [hostname];
  const host = `[::1]:${port}`;
  return isGranted({ name: "net", host })
    ? ["127.0.0.1", "::1"]
    : ["127.0.0.1"];
}
