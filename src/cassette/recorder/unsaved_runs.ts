import { runtime } from "../../runtime/detect.ts";

/** The number of completed runs of one recorder that are not in its file yet. */
export interface UnsavedRuns {
  readonly path: string;
  count: number;
}

/** All recorders with unsaved runs. */
const recorders = new Set<UnsavedRuns>();
let isExitWatched = false;

/**
 * Sets the number of unsaved runs of a recorder. If the number is not 0 when the program
 * exits, a warning on stderr names the file: without `save` or `await using`, the runs are
 * lost.
 */
export function setUnsaved(runs: UnsavedRuns, count: number): void {
  runs.count = count;
  if (count === 0) {
    recorders.delete(runs);
    return;
  }
  recorders.add(runs);
  if (isExitWatched) return;
  isExitWatched = true;
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
