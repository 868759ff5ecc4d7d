import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { builtin } from "./builtin.ts";
import { lock } from "./bun_lock.ts";
import { openForChild } from "./output_file.ts";
import type { FileInfo, Files, OpenFile, PrivateFile } from "./runtime.ts";
import { errorCode } from "./spawn_failure.ts";

/** Implements {@linkcode Files} with `node:fs`. */
export const bunFiles: Files = {
  async stat(path, options) {
    try {
      return fileInfo(
        await (options?.link ? promises().lstat(path) : promises().stat(path)),
      );
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return null;
      throw error;
    }
  },

  async open(path) {
    return openFile(await promises().open(path, "r"));
  },

  readText: (path) => promises().readFile(path, "utf8"),

  openForChild,

  async createPrivate(path) {
    const file = await promises().open(path, "wx", 0o600);
    try {
      // The umask may have cleared bits of the mode.
      await file.chmod(0o600);
    } catch (error) {
      await file.close();
      await promises().unlink(path);
      throw error;
    }
    return privateFile(file);
  },

  rename: (from, to) => promises().rename(from, to),
  remove: (path) => promises().unlink(path),

  async createFolder(path) {
    await promises().mkdir(path, { recursive: true });
  },

  names: (path) => promises().readdir(path),

  async lockFolder(path) {
    const folder = await promises().open(path, "r");
    try {
      await lock(folder.fd);
    } catch (error) {
      await folder.close();
      throw error;
    }
    return { release: () => folder.close() };
  },

  async syncFolder(path) {
    const folder = await promises().open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
};

function promises() {
  return builtin("node:fs").promises;
}

function openFile(file: FileHandle): OpenFile {
  return {
    stat: async () => fileInfo(await file.stat()),
    read: async (buffer) =>
      (await file.read(buffer, 0, buffer.length, null)).bytesRead,
    close: () => file.close(),
  };
}

function privateFile(file: FileHandle): PrivateFile {
  return {
    async write(bytes) {
      for (let written = 0; written < bytes.length;) {
        const { bytesWritten } = await file.write(
          bytes,
          written,
          bytes.length - written,
          null,
        );
        written += bytesWritten;
      }
    },
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

function fileInfo(stats: Stats): FileInfo {
  const kind = stats.isFile()
    ? "file"
    : stats.isDirectory()
    ? "folder"
    : stats.isSymbolicLink()
    ? "symlink"
    : "other";
  return { kind, size: stats.size };
}
