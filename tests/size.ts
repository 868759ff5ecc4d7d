// The size of campaigns: tests with many cases, such as killed saves, mutated files,
// gigabytes of output and process trees. `deno task test` runs a sample of each campaign, and
// `deno task test:full` runs all of it.

import process from "node:process";

/** Whether campaigns run at full size: `PROCESSKIT_TEST_SIZE=full`. */
export const isFull: boolean = process.env.PROCESSKIT_TEST_SIZE === "full";

/** Returns `small` by default, and `full` in `deno task test:full`. */
export function sized<T>(small: T, full: T): T {
  return isFull ? full : small;
}
