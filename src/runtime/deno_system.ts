import { isGranted } from "./deno_permission.ts";
import { type DirectSink, isProcessName, type System } from "./runtime.ts";

/**
 * The system by way of Deno's own calls. Whatever `/proc` and `/sys` hold takes all
 * permissions; without them nothing there is touched.
 */
export const denoSystem: System = {
  get kind() {
    const { os } = Deno.build;
    return os === "linux" || os === "windows" ? os : "posix";
  },
  get pid() {
    return Deno.pid;
  },

  // Outside of `deno test`, `Deno.test` is a stand-in: by this name, or in earlier
  // versions without the other functions. Should that ever change, a helper is
  // started more often than it need be, or reported by a sanitizer.
  get countsLeaks() {
    return Deno.test?.name !== "noopTest" &&
      typeof Deno.test?.ignore === "function";
  },

  noGroupsReason() {
    return isGranted({ name: "run" })
      ? null
      : "Deno lets a process group be signalled with --allow-run for all programs only";
  },

  signal(pid, name) {
    try {
      Deno.kill(pid, name as Deno.Signal);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      if (error instanceof Deno.errors.PermissionDenied) return true;
      throw error;
    }
  },

  exists(pid) {
    // Deno takes the number 0 for a signal that is not sent; its types know of names only.
    return denoSystem.signal(pid, 0 as unknown as string);
  },

  readText(path) {
    return attempt(() => Deno.readTextFileSync(path)) ?? null;
  },

  processLines() {
    return attempt(() => {
      const lines: string[] = [];
      for (const { name } of Deno.readDirSync("/proc")) {
        if (!isProcessName(name)) continue;
        try {
          lines.push(Deno.readTextFileSync(`/proc/${name}/stat`));
        } catch {
          // It has ended since the folder was read.
        }
      }
      return lines.length === 0 ? null : lines;
    }) ?? null;
  },

  folders(path) {
    return attempt(() =>
      Array.from(Deno.readDirSync(path)).filter(({ isDirectory }) =>
        isDirectory
      ).map(({ name }) => name)
    ) ?? null;
  },

  writeText(path, text) {
    Deno.writeTextFileSync(path, text, { create: false });
  },

  directStdinOf(pid) {
    if (!hasAll()) return null;
    // A shell that reads a file has the file there, for as long as that takes.
    for (let attempts = 1000; attempts > 0; attempts--) {
      const pipe = attempt(() => openPipe(`/proc/${pid}/fd/0`));
      if (pipe) return pipe;
      if (pipe === undefined && !denoSystem.exists(pid)) break;
    }
    return null;
  },

  mayWrite(path) {
    return attempt(() => {
      Deno.openSync(path, { write: true }).close();
      return true;
    }) ?? false;
  },

  createFolder(path) {
    if (!hasAll()) {
      throw new Deno.errors.NotCapable("Deno needs --allow-all for this");
    }
    Deno.mkdirSync(path);
  },

  removeFolder(path) {
    if (!hasAll()) return false;
    try {
      Deno.removeSync(path);
      return true;
    } catch (error) {
      return error instanceof Deno.errors.NotFound;
    }
  },
};

/** A pipe to write to; `null` if something else is there. */
function openPipe(path: string): DirectSink | null {
  if (!Deno.statSync(path).isFifo) return null;
  const file = Deno.openSync(path, { write: true });
  if (!file.statSync().isFifo) {
    file.close();
    return null;
  }
  return {
    write(bytes) {
      for (let from = 0; from < bytes.length;) {
        from += file.writeSync(bytes.subarray(from));
      }
    },
    close: () => file.close(),
  };
}

/** What `action` returns; `undefined` if it fails, or if it would be refused. */
function attempt<T>(action: () => T): T | undefined {
  if (!hasAll()) return undefined;
  try {
    return action();
  } catch {
    return undefined;
  }
}

const ALL = ["read", "write", "run", "env", "sys", "net", "ffi"] as const;

/**
 * Whether everything is granted. Less would not do for `/proc`, and may make Deno
 * ask at a terminal.
 */
function hasAll(): boolean {
  return ALL.every((name) => isGranted({ name }));
}
