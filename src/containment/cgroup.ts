import { messageOf } from "../outcome/message_text.ts";
import type { Child, System } from "../runtime/runtime.ts";
import type { RunTree } from "./tree.ts";
import type { Usage } from "./usage.ts";

/** The folder in which this program may create cgroups, or why there is none. */
export type CgroupBase = { readonly path: string } | { readonly why: string };

/**
 * Finds the folder in which this program may create cgroups: its own cgroup in the version 2
 * hierarchy, wherever that is mounted. Creates and removes a cgroup to check the permissions.
 */
export function cgroupBase(system: System): CgroupBase {
  if (system.kind !== "linux") return { why: "cgroups exist only on Linux" };
  const mounts = system.readText("/proc/self/mountinfo");
  const own = system.readText("/proc/self/cgroup");
  if (mounts === null || own === null) {
    return { why: "/proc cannot be read; on Deno, grant --allow-all" };
  }
  const path = ownCgroup(mounts, own);
  if (path === null) {
    return { why: "the version 2 cgroup of this process is not mounted" };
  }
  if (!system.mayWrite(`${path}/cgroup.procs`)) {
    return {
      why:
        `this user may not write to ${path}; the cgroup must be delegated to the user`,
    };
  }
  try {
    const probe = createCgroup(system, path);
    const canKill = system.mayWrite(`${probe}/cgroup.kill`);
    system.removeFolder(probe);
    if (!canKill) {
      return {
        why: "the kernel has no cgroup.kill; it needs Linux 5.14 or later",
      };
    }
  } catch (error) {
    return { why: `no cgroup can be created in ${path}: ${messageOf(error)}` };
  }
  return { path };
}

/**
 * Returns the folder of this process's cgroup, from the contents of `mountinfo` and
 * `cgroup` in `/proc/self`.
 */
function ownCgroup(mounts: string, own: string): string | null {
  const inHierarchy = /^0::(\/.*)$/m.exec(own)?.[1];
  if (inHierarchy === undefined) return null;
  for (const line of mounts.split("\n")) {
    const [mount, filesystem = ""] = line.split(" - ");
    if (!filesystem.startsWith("cgroup2 ")) continue;
    const [root, mountPoint] = mount.split(" ").slice(3, 5).map(unescapeOctal);
    // In a container, the mount may show only a part of the hierarchy.
    const prefix = root === "/" ? "" : root;
    if (!`${inHierarchy}/`.startsWith(`${prefix}/`)) continue;
    const below = inHierarchy.slice(prefix.length);
    return below === "/" ? mountPoint : mountPoint + below;
  }
  return null;
}

/** Decodes the escapes of `mountinfo`, such as `\\040` for a space. */
function unescapeOctal(text: string): string {
  return text.replaceAll(
    /\\([0-7]{3})/g,
    (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

let cgroupCount = 0;

/** Creates a cgroup whose name has the process id of this program, and returns its path. */
function createCgroup(system: System, base: string): string {
  for (let attempts = 100;; attempts--) {
    const path = `${base}/processkit-${system.pid}-${++cgroupCount}`;
    try {
      system.createFolder(path);
      return path;
    } catch (error) {
      // The name may be in use: by an earlier process with this id, or by a process with this
      // id in another container.
      if (attempts === 0 || system.subfolders(path) === null) throw error;
    }
  }
}

/** The cgroup of a runner or a group. Each run has a cgroup of its own inside it. */
export class Cgroup {
  readonly path: string;
  readonly #system: System;
  #runs = 0;

  /** Creates the cgroup. Throws the runtime's own error. */
  constructor(system: System, base: string) {
    this.#system = system;
    this.path = createCgroup(system, base);
  }

  /** Creates the cgroup of one run, and returns its path. */
  createForRun(): string {
    const path = `${this.path}/run-${++this.#runs}`;
    this.#system.createFolder(path);
    return path;
  }

  /**
   * Returns the resources that `cpu.stat` and `memory.current` report; `null` where a file
   * is missing.
   */
  usage(): Usage {
    const cpu = this.#system.readText(`${this.path}/cpu.stat`);
    const memory = this.#system.readText(`${this.path}/memory.current`);
    const microseconds = /^usage_usec (\d+)$/m.exec(cpu ?? "")?.[1];
    return {
      cpuTime: microseconds === undefined ? null : Number(microseconds) / 1000,
      memory: memory === null ? null : Number(memory),
    };
  }

  /**
   * Kills every process in the cgroup, and removes it. Gives up after 1000 attempts, which
   * take at least 2 seconds.
   */
  remove(): Promise<void> {
    return killAndRemove(this.#system, this.path);
  }
}

/** The tree of a run in its own cgroup. */
export class CgroupTree implements RunTree {
  readonly #system: System;
  readonly #child: Child;
  readonly #path: string;
  readonly #keepsLeftovers: boolean;
  #childHasExited = false;

  /**
   * Makes the tree of `child` in the cgroup at `path`. `keepsLeftovers` lets leftovers
   * stay until the whole containment is closed.
   */
  constructor(
    system: System,
    child: Child,
    path: string,
    keepsLeftovers: boolean,
  ) {
    this.#system = system;
    this.#child = child;
    this.#path = path;
    this.#keepsLeftovers = keepsLeftovers;
  }

  signal(name: string): void {
    const members = processesIn(this.#system, this.#path);
    for (const pid of members) this.#system.signal(pid, name);
    // A child that has not entered the cgroup yet has no children either.
    if (!members.includes(this.#child.pid)) this.#child.signal(name);
  }

  suspend(): void {
    freeze(this.#system, this.#path, true);
  }

  resume(): void {
    freeze(this.#system, this.#path, false);
  }

  kill(): void {
    killAll(this.#system, this.#path);
    if (!this.#childHasExited) this.#child.signal("SIGKILL");
  }

  members(): number[] {
    const members = processesIn(this.#system, this.#path);
    const hasEntered = this.#childHasExited ||
      members.includes(this.#child.pid);
    return hasEntered ? members : [this.#child.pid, ...members];
  }

  isEmpty(): boolean {
    return this.#childHasExited && isEmpty(this.#system, this.#path);
  }

  isKnownEmpty(): boolean {
    return this.isEmpty();
  }

  childExited(): void {
    this.#childHasExited = true;
  }

  outlivedChild(): void {}

  killLeftovers(): void {
    if (!this.#keepsLeftovers) killAll(this.#system, this.#path);
  }

  close(): void | Promise<void> {
    if (this.#system.removeFolder(this.#path) || this.#keepsLeftovers) return;
    return killAndRemove(this.#system, this.#path);
  }
}

/**
 * How often a cgroup is checked that must become empty, and the pause between two checks
 * in milliseconds.
 */
const REMOVAL = { attempts: 1000, intervalMs: 2 };

/** Kills every process in a cgroup and in the cgroups inside it, and removes them. */
async function killAndRemove(system: System, path: string): Promise<void> {
  for (let left = REMOVAL.attempts; left > 0; left--) {
    killAll(system, path);
    if (isEmpty(system, path) && removeFolders(system, path)) return;
    await new Promise((resolve) => setTimeout(resolve, REMOVAL.intervalMs));
  }
}

function removeFolders(system: System, path: string): boolean {
  for (const inner of cgroupsIn(system, path)) removeFolders(system, inner);
  return system.removeFolder(path);
}

/** Returns the cgroups directly inside a cgroup. */
function cgroupsIn(system: System, path: string): string[] {
  return (system.subfolders(path) ?? []).map((name) => `${path}/${name}`);
}

function processesIn(system: System, path: string): number[] {
  const procs = system.readText(`${path}/cgroup.procs`) ?? "";
  const own = procs.split("\n").filter((line) => line !== "").map(Number);
  return [
    ...own,
    ...cgroupsIn(system, path).flatMap((inner) => processesIn(system, inner)),
  ];
}

function isEmpty(system: System, path: string): boolean {
  const events = system.readText(`${path}/cgroup.events`);
  return events === null || events.includes("populated 0");
}

function killAll(system: System, path: string): void {
  write(system, `${path}/cgroup.kill`, "1");
}

function freeze(system: System, path: string, frozen: boolean): void {
  write(system, `${path}/cgroup.freeze`, frozen ? "1" : "0");
}

/**
 * Writes to a control file. Does nothing if the cgroup was removed, because no process is
 * in it then.
 */
function write(system: System, path: string, text: string): void {
  try {
    system.writeText(path, text);
  } catch (error) {
    if (system.readText(path.replace(/[^/]+$/, "cgroup.events")) !== null) {
      throw error;
    }
  }
}
