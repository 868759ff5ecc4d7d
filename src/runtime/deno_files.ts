import { openForChild } from "./output_file.ts";
import type { FileInfo, Files, OpenFile, PrivateFile } from "./runtime.ts";

/** Implements {@linkcode Files} with Deno's own functions. */
export const denoFiles: Files = {
  async stat(path, options) {
    try {
      return fileInfo(
        await (options?.link ? Deno.lstat(path) : Deno.stat(path)),
      );
    } catch (error) {
      if (
        error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory
      ) return null;
      throw error;
    }
  },

  async open(path) {
    return openFile(await Deno.open(path, { read: true }));
  },

  readText: (path) => Deno.readTextFile(path),

  openForChild,

  async createPrivate(path) {
    const file = await Deno.open(path, {
      write: true,
      createNew: true,
      mode: 0o600,
    });
    try {
      // The umask may have cleared bits of the mode.
      await Deno.chmod(path, 0o600);
    } catch (error) {
      file.close();
      await Deno.remove(path);
      throw error;
    }
    return privateFile(file);
  },

  rename: (from, to) => Deno.rename(from, to),
  remove: (path) => Deno.remove(path),
  createFolder: (path) => Deno.mkdir(path, { recursive: true }),

  async names(path) {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(path)) names.push(name);
    return names;
  },

  async lockFolder(path) {
    const folder = await Deno.open(path, { read: true });
    try {
      await folder.lock(true);
    } catch (error) {
      folder.close();
      throw error;
    }
    return { release: () => Promise.resolve(folder.close()) };
  },

  async syncFolder(path) {
    using folder = await Deno.open(path, { read: true });
    await folder.sync();
  },
};

function openFile(file: Deno.FsFile): OpenFile {
  return {
    stat: async () => fileInfo(await file.stat()),
    read: async (buffer) => (await file.read(buffer)) ?? 0,
    close: () => Promise.resolve(file.close()),
  };
}

function privateFile(file: Deno.FsFile): PrivateFile {
  return {
    async write(bytes) {
      for (let written = 0; written < bytes.length;) {
        written += await file.write(bytes.subarray(written));
      }
    },
    sync: () => file.sync(),
    close: () => Promise.resolve(file.close()),
  };
}

function fileInfo(info: Deno.FileInfo): FileInfo {
  const kind = info.isFile
    ? "file"
    : info.isDirectory
    ? "folder"
    : info.isSymlink
    ? "symlink"
    : "other";
  return { kind, size: info.size };
}
