import type { Files, FolderLock } from "../../runtime/runtime.ts";

/** For each folder, the latest save in this process. */
const lastSaveIn = new Map<string, Promise<void>>();

/**
 * Calls `action` while holding an exclusive lock on a folder, against other calls in this
 * process and in others. If the folder cannot be locked, this throws if `isLockNeeded`, and
 * else calls `action` with `isLocked` false.
 *
 * Calls in this process wait for each other before they wait for the lock, because a wait
 * for the lock occupies a thread on Deno and polls on Bun.
 */
export async function withFolderLock(
  files: Files,
  folder: string,
  { isLockNeeded }: { isLockNeeded: boolean },
  action: (isLocked: boolean) => Promise<void>,
): Promise<void> {
  const previous = lastSaveIn.get(folder);
  const turn = Promise.withResolvers<void>();
  lastSaveIn.set(folder, turn.promise);
  await previous;
  try {
    const lock = await lockFolder(files, folder, isLockNeeded);
    try {
      await action(lock !== null);
    } finally {
      await lock?.release();
    }
  } finally {
    turn.resolve();
    if (lastSaveIn.get(folder) === turn.promise) lastSaveIn.delete(folder);
  }
}

async function lockFolder(
  files: Files,
  folder: string,
  isNeeded: boolean,
): Promise<FolderLock | null> {
  try {
    return await files.lockFolder(folder);
  } catch (error) {
    // Some network file systems and Windows have no such lock. A save without the lock still
    // replaces the file as a whole.
    if (isNeeded) throw error;
    return null;
  }
}
