// Timeouts that end only after the child has done something. A busy machine may take
// seconds to start a child, so that no fixed timeout is long enough and still short.

import { existsSync } from "node:fs";
import { temporaryFolder } from "../harness.ts";

const SHORTEST_MS = 200;
const LONGEST_MS = 60_000;

/**
 * Calls `run` with longer and longer timeouts, until `isLongEnough` holds for its
 * result, and returns that result.
 */
export async function withLongEnoughTimeout<T>(
  run: (timeout: number) => Promise<T>,
  isLongEnough: (result: T) => boolean,
): Promise<T> {
  for (let timeout = SHORTEST_MS; timeout < LONGEST_MS; timeout *= 4) {
    const result = await run(timeout);
    if (isLongEnough(result)) return result;
  }
  throw new Error(`no timeout below ${LONGEST_MS} ms is long enough`);
}

/**
 * Calls `run` with longer and longer timeouts, until the child has created the file
 * `ready` by the time that `run` settles. Returns the result of that call, or throws
 * its error.
 */
export async function withTimeoutAfterReady<T>(
  run: (timeout: number, ready: string) => Promise<T>,
): Promise<T> {
  await using folder = await temporaryFolder();
  const { settled } = await withLongEnoughTimeout(
    async (timeout) => {
      const ready = folder.file(String(timeout));
      const [settled] = await Promise.allSettled([run(timeout, ready)]);
      return { settled, isReady: existsSync(ready) };
    },
    ({ isReady }) => isReady,
  );
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}
