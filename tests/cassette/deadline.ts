// Runs with a timeout that must get something done before the timeout ends them.

/**
 * Calls `run` with a timeout in milliseconds, and returns its result. If the run had not
 * come as far as `isFarEnough` tells when the timeout ended it, `run` is called again
 * with twice the time. So the result does not depend on how busy the machine is.
 */
export async function withinDeadline<T>(
  run: (ms: number) => Promise<T>,
  isFarEnough: (result: T) => boolean | Promise<boolean>,
): Promise<T> {
  for (let ms = 200; ms < 60_000; ms *= 2) {
    const result = await run(ms);
    if (await isFarEnough(result)) return result;
  }
  throw new Error("no timeout was long enough");
}
