// Deadlines: how a test chooses the timeout of a command, and how it tells a run that
// ends from one that hangs.

import { existsSync } from "node:fs";
import { temporaryFolder } from "../harness.ts";

const SHORTEST_TIMEOUT_MS = 200;
const LONGEST_TIMEOUT_MS = 60_000;
/** Far longer than anything takes that does not hang. */
const PATIENCE_MS = 30_000;

/** What `promise` resolves to; fails if that takes 30 s, or `ms` milliseconds. */
export async function soon<T>(
  promise: Promise<T>,
  ms = PATIENCE_MS,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`not settled within ${ms} ms`)),
    ms,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Calls `run` with longer and longer timeouts, until `isLongEnough` holds for its
 * result, and returns that result. A busy machine may take seconds to start a child:
 * no fixed timeout is both short and long enough.
 */
export async function withLongEnoughTimeout<T>(
  run: (timeout: number) => Promise<T>,
  isLongEnough: (result: T) => boolean,
): Promise<T> {
  for (
    let timeout = SHORTEST_TIMEOUT_MS;
    timeout < LONGEST_TIMEOUT_MS;
    timeout *= 4
  ) {
    const result = await run(timeout);
    if (isLongEnough(result)) return result;
  }
  throw new Error(`no timeout below ${LONGEST_TIMEOUT_MS} ms is long enough`);
}

/**
 * Calls `run` with longer and longer timeouts, until the child has created the file
 * `ready` by the time that `run` settles. Returns the result of that call, or throws
 * its error. Fails if a call takes 30 s longer than its timeout.
 */
export async function withTimeoutAfterReady<T>(
  run: (timeout: number, ready: string) => Promise<T>,
): Promise<T> {
  await using folder = await temporaryFolder();
  const { settled } = await withLongEnoughTimeout(
    async (timeout) => {
      const ready = folder.file(String(timeout));
      const [settled] = await soon(
        Promise.allSettled([run(timeout, ready)]),
        timeout + PATIENCE_MS,
      );
      return { settled, isReady: existsSync(ready) };
    },
    ({ isReady }) => isReady,
  );
  if (settled.status === "rejected") throw settled.reason;
  return settled.value;
}
