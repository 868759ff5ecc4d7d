import { isGranted } from "./deno_permission.ts";
import { type DirectSink, isProcessNumber, type System } from "./runtime.ts";

/**
 * Implements {@linkcode System} with Deno's own functions. Deno allows access to `/proc` and
 * `/sys` only with all permissions. Without them this code does not try.
 */
export const denoSystem: System = {
  get kind() {
    const { os } = Deno.build;
    return os === "linux" || os === "windows" ? os : "posix";
  },
  get pid() {
    return Deno.pid;
  },

  // Outside of `deno test`, `Deno.test` is a function named `noopTest`; in earlier versions
  // it is a function without members. If Deno changes that, a watcher is started for each
  // run although one would do, or a sanitizer reports the watcher.
  get reportsLeakedChildren() {
    return Deno.test?.name !== "noopTest" &&
      typeof Deno.test?.ignore === "function";
  },

  groupsUnavailableReason() {
    return isGranted({ name: "run" })
      ? null
      : "signalling a process group takes --allow-run for all programs";
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
    // Signal 0 sends nothing and only checks. Deno accepts it; its types have names alone.
    return denoSystem.signal(pid, 0 as unknown as string);
  },

  readText(path) {
    return attempt(() => Deno.readTextFileSync(path)) ?? null;
  },

  processStats() {
    return attempt(() => {
      const stats: string[] = [];
      for (const { name } of Deno.readDirSync("/proc")) {
        if (!isProcessNumber(name)) continue;
        try {
          stats.push(Deno.readTextFileSync(`/proc/${name}/stat`));
        } catch {
          // The process has exited since the folder was listed.
        }
      }
      return stats.length === 0 ? null : stats;
    }) ?? null;
  },

  subfolders(path) {
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
    if (!hasAllPermissions()) return null;
    // While a shell reads a file with `<`, that file is its descriptor 0. So if something other
    // than a pipe is there, try again.
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
    if (!hasAllPermissions()) {
      throw new Deno.errors.NotCapable(
        "creating this folder takes --allow-all",
      );
    }
    Deno.mkdirSync(path);
  },

  removeFolder(path) {
    if (!hasAllPermissions()) return false;
    try {
      Deno.removeSync(path);
      return true;
    } catch (error) {
      return error instanceof Deno.errors.NotFound;
    }
  },
};

/** Opens a pipe for writing; `null` if the path leads to something else. */
function openPipe(path: string): DirectSink | null {
  if (!Deno.statSync(path).isFifo) return null;
  const file = Deno.openSync(path, { write: true });
  // The path may lead to another file since.
  if (!file.statSync().isFifo) {
    file.close();
    return null;
  }
  return {
    write(bytes) {
      for (let written = 0; written < bytes.length;) {
        written += file.writeSync(bytes.subarray(written));
      }
    },
    close: () => file.close(),
  };
}

/** Returns the result of `action`; `undefined` if it fails, or if a permission is missing. */
function attempt<T>(action: () => T): T | undefined {
  if (!hasAllPermissions()) return undefined;
  try {
    return action();
  } catch {
    return undefined;
  }
}

const ALL_PERMISSIONS = [
  "read",
  "write",
  "run",
  "env",
  "sys",
  "net",
  "ffi",
] as const;

/**
 * Tests whether all permissions are granted. Deno requires them for `/proc`, and might prompt
 * for them on a terminal otherwise.
 */
function hasAllPermissions(): boolean {
  return ALL_PERMISSIONS.every((name) => isGranted({ name }));
}
