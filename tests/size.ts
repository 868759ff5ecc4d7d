// How much of a long campaign (killed saves, mutated files, gigabytes, process trees) a
// run of the suite covers. `deno task test` takes a sample of each campaign, and
// `deno task test:full` all of it.

import process from "node:process";

/** Whether campaigns run at full size: `PROCESSKIT_TEST_SIZE=full`. */
export const isFull: boolean = process.env.PROCESSKIT_TEST_SIZE === "full";

/** The size of a campaign: `small` by default, `full` in `deno task test:full`. */
export function sized<T>(small: T, full: T): T {
  return isFull ? full : small;
}
