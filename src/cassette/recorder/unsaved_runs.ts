import { runtime } from "../../runtime/detect.ts";

/** How many recorded runs of one recorder are not in their file yet. */
export interface UnsavedRuns {
  readonly path: string;
  count: number;
}

/** Every recorder that has unsaved runs. */
const recorders = new Set<UnsavedRuns>();
let isWatching = false;

/**
 * Sets how many unsaved runs a recorder has. If it still has some when the program ends,
 * a warning names the file: without `save` or `await using` they are lost.
 */
export function setUnsaved(runs: UnsavedRuns, count: number): void {
  runs.count = count;
  if (count === 0) {
    recorders.delete(runs);
    return;
  }
  recorders.add(runs);
  if (isWatching) return;
  isWatching = true;
  runtime().onExit(warn);
}

function warn(): void {
  for (const { path, count } of recorders) {
    const runs = count === 1
      ? "1 recorded run was"
      : `${count} recorded runs were`;
    console.warn(
      `processkit: cassette ${JSON.stringify(path)}: ${runs} not saved; ` +
        'call save(), or create the recorder with "await using"',
    );
  }
  recorders.clear();
}
