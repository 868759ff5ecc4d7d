import { builtin } from "./builtin.ts";
import { bunProcess } from "./bun_process.ts";
import { isProcessNumber, type System } from "./runtime.ts";
import { errorCode } from "./spawn_failure.ts";

/** Implements {@linkcode System} with the Node.js modules of Bun. */
export const bunSystem: System = {
  get kind() {
    const { platform } = bunProcess();
    if (platform === "win32") return "windows";
    return platform === "linux" ? "linux" : "posix";
  },
  get pid() {
    return bunProcess().pid;
  },
  reportsLeakedChildren: false,
  groupsUnavailableReason: () => null,
  signal: kill,
  exists: (pid) => kill(pid, 0),

  readText: (path) =>
    attempt(() => builtin("node:fs").readFileSync(path, "utf8")) ?? null,

  processStats() {
    const { readdirSync, readFileSync } = builtin("node:fs");
    const stats: string[] = [];
    for (const name of attempt(() => readdirSync("/proc")) ?? []) {
      if (!isProcessNumber(name)) continue;
      const stat = attempt(() => readFileSync(`/proc/${name}/stat`, "utf8"));
      // If it cannot be read, the process has exited since the folder was listed.
      if (stat !== undefined) stats.push(stat);
    }
    return stats.length === 0 ? null : stats;
  },

  subfolders(path) {
    const { readdirSync } = builtin("node:fs");
    return attempt(() =>
      readdirSync(path, { withFileTypes: true }).filter((entry) =>
        entry.isDirectory()
      ).map(({ name }) => name)
    ) ?? null;
  },

  writeText(path, text) {
    const { closeSync, constants, openSync, writeSync } = builtin("node:fs");
    // Not "r+", because control files of a cgroup such as cgroup.kill are write-only.
    const file = openSync(path, constants.O_WRONLY);
    try {
      writeSync(file, text);
    } finally {
      closeSync(file);
    }
  },

  directStdinOf: () => null,

  mayWrite(path) {
    const { accessSync, constants } = builtin("node:fs");
    return attempt(() => {
      accessSync(path, constants.W_OK);
      return true;
    }) ?? false;
  },

  createFolder(path) {
    builtin("node:fs").mkdirSync(path);
  },

  removeFolder(path) {
    try {
      builtin("node:fs").rmdirSync(path);
      return true;
    } catch (error) {
      return errorCode(error) === "ENOENT";
    }
  },
};

function kill(pid: number, signal: string | number): boolean {
  try {
    bunProcess().kill(pid, signal);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === "ESRCH") return false;
    if (code === "EPERM") return true;
    throw error;
  }
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
