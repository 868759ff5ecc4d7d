import type { Files, FolderLock } from "../../runtime/runtime.ts";

/** The last of those in this program who save in a folder. */
const lastSaveIn = new Map<string, Promise<void>>();

/**
 * Does something in a folder while nobody else does who comes by this way, in this
 * program or another; `isLocked` tells whether that could be had. Without it an error is
 * thrown where the lock is needed.
 *
 * One of those in this program at a time waits for the lock: each one who waits takes
 * Deno a thread, and has Bun look again and again.
 */
export async function withFolderLock(
  files: Files,
  folder: string,
  { isLockNeeded }: { isLockNeeded: boolean },
  action: (isLocked: boolean) => Promise<void>,
): Promise<void> {
  const before = lastSaveIn.get(folder);
  const turn = Promise.withResolvers<void>();
  lastSaveIn.set(folder, turn.promise);
  await before;
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
    // Without locks (some network file systems, Windows) a file is still replaced as a whole.
    if (isNeeded) throw error;
    return null;
  }
}
