// The points of a save at which a test stops or kills the process that saves.

import { runtime } from "../../src/runtime/detect.ts";
import type { Files } from "../../src/runtime/runtime.ts";

/** What a save has just done, in the order of a save. */
export const SAVE_POINTS = [
  "created the folder",
  "locked the folder",
  "listed the folder",
  "looked at the old file",
  "created the temporary file",
  "written half of the temporary file",
  "written the temporary file",
  "flushed the temporary file",
  "closed the temporary file",
  "renamed the temporary file",
  "flushed the folder",
  "unlocked the folder",
] as const;

/** One of {@linkcode SAVE_POINTS}. */
export type SavePoint = typeof SAVE_POINTS[number];

/** Whether a save that has reached `point` has reached `other` too. */
export function isPast(point: SavePoint, other: SavePoint): boolean {
  return SAVE_POINTS.indexOf(point) >= SAVE_POINTS.indexOf(other);
}

/**
 * Calls `reached` at every point of every save of this process. `save` is the number of
 * the save, from 1. Saves must not overlap.
 */
export function watchSaves(
  reached: (point: SavePoint, save: number) => void,
): void {
  const { files } = runtime();
  const real = { ...files };
  let save = 0;
  /** Waits for a step of a save, and reports it. */
  const after = async <T>(step: Promise<T>, point: SavePoint): Promise<T> => {
    const result = await step;
    reached(point, save);
    return result;
  };
  const watched: Partial<Files> = {
    createFolder(path) {
      save++;
      return after(real.createFolder(path), "created the folder");
    },
    async lockFolder(path) {
      const lock = await after(real.lockFolder(path), "locked the folder");
      return { release: () => after(lock.release(), "unlocked the folder") };
    },
    names: (path) => after(real.names(path), "listed the folder"),
    stat(path, options) {
      const facts = real.stat(path, options);
      // A symbolic link is followed where the old file is opened, not where it is replaced.
      return options?.link ? after(facts, "looked at the old file") : facts;
    },
    async createPrivate(path) {
      const file = await after(
        real.createPrivate(path),
        "created the temporary file",
      );
      return {
        async write(bytes) {
          const half = bytes.length >> 1;
          await after(
            file.write(bytes.subarray(0, half)),
            "written half of the temporary file",
          );
          await after(
            file.write(bytes.subarray(half)),
            "written the temporary file",
          );
        },
        sync: () => after(file.sync(), "flushed the temporary file"),
        close: () => after(file.close(), "closed the temporary file"),
      };
    },
    rename: (from, to) =>
      after(real.rename(from, to), "renamed the temporary file"),
    syncFolder: (path) => after(real.syncFolder(path), "flushed the folder"),
  };
  Object.assign(files, watched);
}
