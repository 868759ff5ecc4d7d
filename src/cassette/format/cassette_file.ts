import { CassetteError } from "../../outcome/cassette_errors.ts";
import { messageOf } from "../../outcome/message_text.ts";
import { concatBytes } from "../../output/text.ts";
import { runtime } from "../../runtime/detect.ts";
import type { FileInfo, Files } from "../../runtime/runtime.ts";
import { withFolderLock } from "./folder_lock.ts";

/**
 * The largest cassette that is read: 64 MiB of UTF-8. A larger one is not written either,
 * because it could not be read again.
 */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Reads the text of a cassette file. The type and size of the file are checked first: a
 * FIFO would block, and a huge file would fill the memory.
 *
 * @throws {CassetteError} if the file does not exist, is not a regular file, has more than
 *   64 MiB, or cannot be read as UTF-8
 */
export async function readCassetteText(path: string): Promise<string> {
  const { files } = runtime();
  return decode(
    path,
    await wrapIoErrors(path, "be read", () => readChecked(files, path)),
  );
}

/**
 * Returns whether a file of any kind exists at the path.
 *
 * @throws {CassetteError} if the file system cannot tell
 */
export async function cassetteExists(path: string): Promise<boolean> {
  const { files } = runtime();
  return await wrapIoErrors(path, "be read", () => files.stat(path)) !== null;
}

/**
 * Writes the text of a cassette file atomically: it is written to a temporary file in the
 * same folder, flushed to disk, and renamed. Temporary files left by an earlier save that
 * was killed are removed.
 *
 * @throws {CassetteError} if the file cannot be written. The target is then unchanged, and
 *   the temporary file is removed.
 */
export async function writeCassetteText(
  path: string,
  text: () => string,
): Promise<void> {
  const bytes = encode(path, text);
  await withFolderOf(path, { isLockNeeded: false }, async (files) => {
    await refuseUnlessReplaceable(files, path);
    await replace(files, path, bytes);
  });
}

/**
 * Replaces the text of a cassette file with the result of `update`, which gets the current
 * text, or `null` if the file does not exist. The folder stays locked from the read to the
 * write, so that no other save is lost.
 *
 * @throws {CassetteError} if the file cannot be read, written or locked. The target is then
 *   unchanged, and the temporary file is removed.
 */
export async function updateCassetteText(
  path: string,
  update: (text: string | null) => string,
): Promise<void> {
  await withFolderOf(path, { isLockNeeded: true }, async (files) => {
    const exists = await refuseUnlessReplaceable(files, path);
    const current = exists
      ? decode(path, await readChecked(files, path))
      : null;
    await replace(files, path, encode(path, () => update(current)));
  });
}

/** Creates the folder of a cassette, locks it, removes leftovers, and calls `action`. */
async function withFolderOf(
  path: string,
  { isLockNeeded }: { isLockNeeded: boolean },
  action: (files: Files) => Promise<void>,
): Promise<void> {
  const { files } = runtime();
  await wrapIoErrors(path, "be written", async () => {
    const { folder, name } = splitPath(path);
    await files.createFolder(folder);
    await withFolderLock(files, folder, { isLockNeeded }, async (isLocked) => {
      // Without the lock, a temporary file may belong to a save that is still running.
      if (isLocked) await removeLeftovers(files, folder, name);
      await action(files);
    });
  });
}

/** Removes the temporary files of saves of this cassette that were killed. */
async function removeLeftovers(
  files: Files,
  folder: string,
  name: string,
): Promise<void> {
  const prefix = temporaryPrefix(name);
  for (const other of await files.names(folder)) {
    const isLeftover = other.startsWith(prefix) &&
      /^[0-9a-f]{16}\.tmp$/.test(other.slice(prefix.length));
    // A leftover that cannot be removed must not fail the save. The next save tries again.
    if (isLeftover) await files.remove(`${folder}/${other}`).catch(() => {});
  }
}

/** Returns whether the file exists. Throws if the path is anything but a regular file. */
async function refuseUnlessReplaceable(
  files: Files,
  path: string,
): Promise<boolean> {
  const facts = await files.stat(path, { link: true });
  if (facts?.kind === "symlink") {
    throw new CassetteError(
      path,
      "symlink",
      "is a symbolic link, which a save does not follow; give the path of its target",
    );
  }
  if (facts !== null) refuseUnlessFile(path, facts);
  return facts !== null;
}

function encode(path: string, text: () => string): Uint8Array {
  const bytes = encodeText(path, text);
  if (bytes.length > MAX_BYTES) {
    throw tooLarge(path, `would have ${bytes.length} bytes`);
  }
  return bytes;
}

function encodeText(path: string, text: () => string): Uint8Array {
  try {
    return new TextEncoder().encode(text());
  } catch (cause) {
    // Both runtimes throw a RangeError for a string that is longer than they allow.
    if (!(cause instanceof RangeError)) throw cause;
    throw tooLarge(path, "has more text than one string can hold", cause);
  }
}

async function readChecked(files: Files, path: string): Promise<Uint8Array> {
  const facts = await files.stat(path);
  if (facts === null) {
    throw new CassetteError(
      path,
      "not-found",
      "there is no such file; record it first",
    );
  }
  refuseUnlessReadable(path, facts);
  const file = await files.open(path);
  try {
    // Checked again on the open file: the path may have been replaced since.
    const opened = await file.stat();
    refuseUnlessReadable(path, opened);
    return await readAll(path, (buffer) => file.read(buffer), opened.size);
  } finally {
    await file.close();
  }
}

async function readAll(
  path: string,
  read: (buffer: Uint8Array) => Promise<number>,
  size: number,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  // One byte more than expected: the end of the file then needs no second full buffer.
  for (let capacity = size + 1;; capacity = 64 * 1024) {
    const buffer = new Uint8Array(capacity);
    const count = await read(buffer);
    if (count === 0) {
      return pieces.length === 1 ? pieces[0] : concatBytes(pieces);
    }
    length += count;
    if (length > MAX_BYTES) {
      throw tooLarge(path, `grew to ${length} bytes while it was read`);
    }
    pieces.push(buffer.subarray(0, count));
  }
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes,
    );
  } catch (cause) {
    throw new CassetteError(
      path,
      "invalid-data",
      "is not UTF-8; save it as UTF-8, or record it again",
      { cause },
    );
  }
}

async function replace(
  files: Files,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const { folder, name } = splitPath(path);
  const temporary = `${folder}/${temporaryPrefix(name)}${randomSuffix()}.tmp`;
  const file = await files.createPrivate(temporary);
  try {
    try {
      await file.write(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, path);
  } catch (error) {
    // The first error is thrown, even if the removal fails too.
    await files.remove(temporary).catch(() => {});
    throw error;
  }
  // Some file systems cannot flush a folder. After a crash, the old file may then be back,
  // but it is complete.
  await files.syncFolder(folder).catch(() => {});
}

/** The beginning of the names of a cassette's temporary files. */
function temporaryPrefix(name: string): string {
  // Cut, because the full name with the suffix could be longer than 255 bytes.
  return `.${name.slice(0, 40)}.`.toWellFormed();
}

/** Splits a path into the folder and the name of the file in it. */
export function splitPath(path: string): { folder: string; name: string } {
  // A backslash is part of a name, except in a path that begins like a Windows path.
  const isWindows = /^(?:[a-zA-Z]:|\\\\)/.test(path);
  const at = Math.max(
    path.lastIndexOf("/"),
    isWindows ? path.lastIndexOf("\\") : -1,
  );
  return {
    folder: at < 0 ? "." : path.slice(0, at) || "/",
    name: path.slice(at + 1),
  };
}

function randomSuffix(): string {
  return Array.from(
    crypto.getRandomValues(new Uint8Array(8)),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

function refuseUnlessReadable(path: string, facts: FileInfo): void {
  refuseUnlessFile(path, facts);
  if (facts.size > MAX_BYTES) throw tooLarge(path, `has ${facts.size} bytes`);
}

function refuseUnlessFile(path: string, facts: FileInfo): void {
  if (facts.kind === "file") return;
  throw new CassetteError(
    path,
    "not-a-file",
    `is a ${
      facts.kind === "folder" ? "folder" : "special file"
    }, not a regular file`,
  );
}

function tooLarge(
  path: string,
  problem: string,
  cause?: unknown,
): CassetteError {
  return new CassetteError(
    path,
    "too-large",
    `${problem}; a cassette may have at most ${MAX_BYTES} bytes, so record fewer runs in it`,
    cause === undefined ? {} : { cause },
  );
}

/** Calls `action`, and makes a `CassetteError` of any other error that it throws. */
async function wrapIoErrors<T>(
  path: string,
  operation: "be read" | "be written",
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof CassetteError) throw cause;
    throw new CassetteError(
      path,
      "io",
      `cannot ${operation}: ${messageOf(cause)}`,
      { cause },
    );
  }
}
