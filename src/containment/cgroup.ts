import { messageOf } from "../outcome/message_text.ts";
import type { Child, System } from "../runtime/runtime.ts";
import type { RunTree } from "./tree.ts";
import type { Usage } from "./usage.ts";

/** The folder in which this program may make cgroups, or why there is none. */
export type CgroupBase = { readonly path: string } | { readonly why: string };

/**
 * Finds where this program may make cgroups: below its own, in the version 2
 * hierarchy, wherever that is mounted. A folder is made and removed to be sure.
 */
export function cgroupBase(system: System): CgroupBase {
  if (system.kind !== "linux") return { why: "cgroups are Linux's" };
  const mounts = system.readText("/proc/self/mountinfo");
  const own = system.readText("/proc/self/cgroup");
  if (mounts === null || own === null) {
    return { why: "/proc cannot be read; Deno needs --allow-all for that" };
  }
  const path = ownCgroup(mounts, own);
  if (path === null) {
    return { why: "this process's own cgroup, of version 2, is not mounted" };
  }
  if (!system.mayWrite(`${path}/cgroup.procs`)) {
    return { why: `${path} was not delegated to this user` };
  }
  try {
    const trial = newFolder(system, path);
    const canKill = system.mayWrite(`${trial}/cgroup.kill`);
    system.removeFolder(trial);
    if (!canKill) {
      return {
        why: "the kernel has no cgroup.kill, which came with Linux 5.14",
      };
    }
  } catch (error) {
    return { why: `no cgroup can be made in ${path}: ${messageOf(error)}` };
  }
  return { path };
}

/** The path of this process's cgroup, by the mount table and what it says of itself. */
function ownCgroup(mounts: string, own: string): string | null {
  const inHierarchy = /^0::(\/.*)$/m.exec(own)?.[1];
  if (inHierarchy === undefined) return null;
  for (const line of mounts.split("\n")) {
    const [mount, filesystem = ""] = line.split(" - ");
    if (!filesystem.startsWith("cgroup2 ")) continue;
    const [root, mountPoint] = mount.split(" ").slice(3, 5).map(unescapeOctal);
    // What is mounted may be a part of the hierarchy.
    const prefix = root === "/" ? "" : root;
    if (!`${inHierarchy}/`.startsWith(`${prefix}/`)) continue;
    const below = inHierarchy.slice(prefix.length);
    return below === "/" ? mountPoint : mountPoint + below;
  }
  return null;
}

/** The mount table writes a space as \\040. */
function unescapeOctal(text: string): string {
  return text.replaceAll(
    /\\([0-7]{3})/g,
    (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

let made = 0;

/** Makes a cgroup whose name tells whose it is. */
function newFolder(system: System, base: string): string {
  for (let attempts = 100;; attempts--) {
    const path = `${base}/processkit-${system.pid}-${++made}`;
    try {
      system.createFolder(path);
      return path;
    } catch (error) {
      // Somebody else's, of the same number in another container or earlier.
      if (attempts === 0 || system.folders(path) === null) throw error;
    }
  }
}

/** A cgroup, in which every run has one of its own. */
export class Cgroup {
  readonly path: string;
  readonly #system: System;
  #runs = 0;

  /** Makes it; throws the runtime's own error. */
  constructor(system: System, base: string) {
    this.#system = system;
    this.path = newFolder(system, base);
  }

  /** Makes the cgroup of one run, and returns its path. */
  folderForRun(): string {
    const path = `${this.path}/run-${++this.#runs}`;
    this.#system.createFolder(path);
    return path;
  }

  /** What `cpu.stat` and `memory.current` say; `null` where they are not there. */
  usage(): Usage {
    const cpu = this.#system.readText(`${this.path}/cpu.stat`);
    const memory = this.#system.readText(`${this.path}/memory.current`);
    const microseconds = /^usage_usec (\d+)$/m.exec(cpu ?? "")?.[1];
    return {
      cpuTime: microseconds === undefined ? null : Number(microseconds) / 1000,
      memory: memory === null ? null : Number(memory),
    };
  }

  /** Ends everyone in it and removes it. */
  remove(): Promise<void> {
    return remove(this.#system, this.path);
  }
}

/** The tree of a run that has a cgroup of its own. */
export class CgroupTree implements RunTree {
  readonly #system: System;
  readonly #child: Child;
  readonly #path: string;
  readonly #keepsLeftovers: boolean;
  #childHasExited = false;

  /** The tree of `child`, in the cgroup at `path`. What it leaves behind may be kept for its group's own end. */
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
    const members = membersIn(this.#system, this.#path);
    for (const pid of members) this.#system.signal(pid, name);
    // It may not have entered yet; then it has no children either.
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
    const members = membersIn(this.#system, this.#path);
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
    return remove(this.#system, this.#path);
  }
}

/** How often, and after how many milliseconds each, a cgroup is looked at that has to become empty. */
const PATIENCE = { attempts: 1000, ms: 2 };

/** Ends everyone in a cgroup, and removes it with those below it. */
async function remove(system: System, path: string): Promise<void> {
  for (let left = PATIENCE.attempts; left > 0; left--) {
    killAll(system, path);
    if (isEmpty(system, path) && removeTree(system, path)) return;
    await new Promise((resolve) => setTimeout(resolve, PATIENCE.ms));
  }
}

function removeTree(system: System, path: string): boolean {
  for (const below of foldersIn(system, path)) removeTree(system, below);
  return system.removeFolder(path);
}

/** The cgroups right below one. */
function foldersIn(system: System, path: string): string[] {
  return (system.folders(path) ?? []).map((name) => `${path}/${name}`);
}

function membersIn(system: System, path: string): number[] {
  const procs = system.readText(`${path}/cgroup.procs`) ?? "";
  const own = procs.split("\n").filter((line) => line !== "").map(Number);
  return [
    ...own,
    ...foldersIn(system, path).flatMap((below) => membersIn(system, below)),
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

/** A cgroup that was removed has nobody in it: there is nothing to be done to it. */
function write(system: System, path: string, text: string): void {
  try {
    system.writeText(path, text);
  } catch (error) {
    if (system.readText(path.replace(/[^/]+$/, "cgroup.events")) !== null) {
      throw error;
    }
  }
}
