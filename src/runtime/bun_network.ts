import { builtin } from "./builtin.ts";
import type { Network } from "./runtime.ts";

/** Implements {@linkcode Network} with the Node.js modules of Bun. */
export const bunNetwork: Network = {
  async canConnect({ hostname, port }, signal) {
    const hosts = hostname === undefined ? ["127.0.0.1", "::1"] : [hostname];
    for (const host of hosts) {
      if (await connects(host, port, signal)) return true;
    }
    return false;
  },
};

function connects(
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = builtin("node:net").connect({ host, port });
    const settle = (isConnected: boolean) => {
      signal.removeEventListener("abort", giveUp);
      socket.destroy();
      resolve(isConnected);
    };
    const giveUp = () => settle(false);
    signal.addEventListener("abort", giveUp);
    socket.on("connect", () => settle(true));
    // No server listens on the port, or not yet.
    socket.on("error", giveUp);
  });
}
