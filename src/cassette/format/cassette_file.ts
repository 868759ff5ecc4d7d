import { CassetteError } from "../../outcome/cassette_errors.ts";
import { messageOf } from "../../outcome/message_text.ts";
import { concatBytes } from "../../output/text.ts";
import { runtime } from "../../runtime/detect.ts";
import type { FileInfo, Files } from "../../runtime/runtime.ts";
import { withFolderLock } from "./folder_lock.ts";

/** What cannot be read again is not written: 64 MiB, in bytes of UTF-8. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * Reads a cassette's text, having looked at what it is about to read: a FIFO
 * would hang, and a huge file would fill the memory.
 *
 * @throws {CassetteError}
 */
export async function readCassetteText(path: string): Promise<string> {
  const { files } = runtime();
  return decode(
    path,
    await onDisk(path, "be read", () => readGuarded(files, path)),
  );
}

/**
 * Whether there is anything at a path.
 *
 * @throws {CassetteError} if that cannot be told
 */
export async function isCassetteThere(path: string): Promise<boolean> {
  const { files } = runtime();
  return await onDisk(path, "be read", () => files.stat(path)) !== null;
}

/**
 * Writes a cassette's text so that the file is only ever seen whole: beside its
 * target first, then, once it is on the disk itself, in its place. What an earlier
 * save left beside it, whose program was killed, goes.
 *
 * @throws {CassetteError} leaving the target as it was, and nothing beside it
 */
export async function writeCassetteText(
  path: string,
  text: () => string,
): Promise<void> {
  const bytes = encode(path, text);
  await inFolderOf(path, { isLockNeeded: false }, async (files) => {
    await refuseUnlessReplaceable(files, path);
    await replace(files, path, bytes);
  });
}

/**
 * Writes the text that `update` makes of what is there, `null` for no file. Nobody else
 * saves a cassette in the same folder meanwhile.
 *
 * @throws {CassetteError} leaving the target as it was, and nothing beside it
 */
export async function updateCassetteText(
  path: string,
  update: (text: string | null) => string,
): Promise<void> {
  await inFolderOf(path, { isLockNeeded: true }, async (files) => {
    const isThere = await refuseUnlessReplaceable(files, path);
    const before = isThere
      ? decode(path, await readGuarded(files, path))
      : null;
    await replace(files, path, encode(path, () => update(before)));
  });
}

/** Does something in the folder of a cassette, which is made if need be, while nobody else saves one there. */
async function inFolderOf(
  path: string,
  { isLockNeeded }: { isLockNeeded: boolean },
  action: (files: Files) => Promise<void>,
): Promise<void> {
  const { files } = runtime();
  await onDisk(path, "be written", async () => {
    const { folder, name } = splitPath(path);
    await files.createFolder(folder);
    await withFolderLock(files, folder, { isLockNeeded }, async (isLocked) => {
      // Whose it is cannot be told without the lock: somebody may be about to rename it.
      if (isLocked) await clearLeftovers(files, folder, name);
      await action(files);
    });
  });
}

/** Removes what a save of this cassette left beside it whose program was killed. */
async function clearLeftovers(
  files: Files,
  folder: string,
  name: string,
): Promise<void> {
  const start = temporaryStart(name);
  for (const other of await files.names(folder)) {
    const isLeftover = other.startsWith(start) &&
      /^[0-9a-f]{16}\.tmp$/.test(other.slice(start.length));
    // It is not what this save is about: whoever comes next may have better luck.
    if (isLeftover) await files.remove(`${folder}/${other}`).catch(() => {});
  }
}

/** Whether a file is there; throws for anything else that is. */
async function refuseUnlessReplaceable(
  files: Files,
  path: string,
): Promise<boolean> {
  const facts = await files.stat(path, { link: true });
  if (facts?.kind === "symlink") {
    throw new CassetteError(
      path,
      "symlink",
      "is a symbolic link, and is not written through: name its target",
    );
  }
  if (facts !== null) refuseUnlessFile(path, facts);
  return facts !== null;
}

function encode(path: string, text: () => string): Uint8Array {
  const bytes = encodeText(path, text);
  if (bytes.length > MOST_BYTES) {
    throw tooLarge(path, bytes.length, "could not be read again");
  }
  return bytes;
}

function encodeText(path: string, text: () => string): Uint8Array {
  try {
    return new TextEncoder().encode(text());
  } catch (cause) {
    // A string that would be longer than one can be.
    if (!(cause instanceof RangeError)) throw cause;
    throw new CassetteError(
      path,
      "too-large",
      `has more text than one string can hold, and the most there may be are ${MOST_BYTES} bytes`,
      { cause },
    );
  }
}

async function readGuarded(files: Files, path: string): Promise<Uint8Array> {
  const facts = await files.stat(path);
  if (facts === null) {
    throw new CassetteError(
      path,
      "not-found",
      "there is no such file: record it first",
    );
  }
  refuseUnlessReadable(path, facts);
  const file = await files.open(path);
  try {
    // Once more, of what was really opened: the name may lead elsewhere by now.
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
  // One byte more than expected, so that the end shows without another buffer.
  for (let room = size + 1;; room = 64 * 1024) {
    const buffer = new Uint8Array(room);
    const count = await read(buffer);
    if (count === 0) {
      return pieces.length === 1 ? pieces[0] : concatBytes(pieces);
    }
    length += count;
    if (length > MOST_BYTES) {
      throw tooLarge(path, length, "grew while it was read");
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
    throw new CassetteError(path, "invalid-data", "is not UTF-8", { cause });
  }
}

async function replace(
  files: Files,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const { folder, name } = splitPath(path);
  const beside = `${folder}/${temporaryStart(name)}${freshSuffix()}.tmp`;
  const file = await files.createPrivate(beside);
  try {
    try {
      await file.write(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(beside, path);
  } catch (error) {
    // What went wrong first is what has to be told, whatever comes of this.
    await files.remove(beside).catch(() => {});
    throw error;
  }
  // The file is in place. Where folders cannot be flushed, a crash right now might
  // bring the old one back, whole.
  await files.syncFolder(folder).catch(() => {});
}

/** What the names of the temporary files of a cassette begin with. */
function temporaryStart(name: string): string {
  // Not all of the name: with the rest it could be longer than a name may be.
  return `.${name.slice(0, 40)}.`.toWellFormed();
}

/** The folder that a path is in, and the name that it has there. */
export function splitPath(path: string): { folder: string; name: string } {
  // A backslash is part of a name, except where a path begins like one of Windows.
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

function freshSuffix(): string {
  return Array.from(
    crypto.getRandomValues(new Uint8Array(8)),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

function refuseUnlessReadable(path: string, facts: FileInfo): void {
  refuseUnlessFile(path, facts);
  if (facts.size > MOST_BYTES) throw tooLarge(path, facts.size, "is not read");
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

function tooLarge(path: string, size: number, what: string): CassetteError {
  return new CassetteError(
    path,
    "too-large",
    `has ${size} bytes, more than the most there may be (${MOST_BYTES}), and ${what}`,
  );
}

async function onDisk<T>(
  path: string,
  what: string,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof CassetteError) throw cause;
    throw new CassetteError(path, "io", `cannot ${what}: ${messageOf(cause)}`, {
      cause,
    });
  }
}
