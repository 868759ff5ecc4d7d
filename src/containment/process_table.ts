import type { System } from "../runtime/runtime.ts";
import { statFields } from "./proc_stat.ts";
import { WATCHER_NAME } from "./watcher_process_scan.ts";

/** A process that has not exited, as `/proc` describes it. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /**
   * The start time, in the unit of `/proc`. Together with the process id it identifies the
   * process.
   */
  readonly started: string;
}

/** Returns every process that has not exited; `null` where `/proc` cannot be read. */
export function processTable(system: System): ProcessInfo[] | null {
  const stats = system.processStats();
  if (stats === null) return null;
  const table: ProcessInfo[] = [];
  for (const stat of stats) {
    const info = parseStat(stat);
    if (info !== null) table.push(info);
  }
  return table;
}

/** Parses the text of `/proc/<pid>/stat`; `null` for a zombie. */
function parseStat(stat: string): ProcessInfo | null {
  const fields = statFields(stat);
  const [state, parent, group, session] = fields;
  if (state === "Z" || state === "X") return null;
  return {
    pid: Number.parseInt(stat),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    started: fields[19],
  };
}

/** A process from which the members of a tree are found. */
export interface TreeRoot {
  readonly pid: number;
  /** Whether the process leads, or led, a session and a group of its own. */
  readonly leads: boolean;
  /** Whether the process has exited. Its number is free then, or belongs to another process. */
  readonly hasExited: boolean;
}

/**
 * Returns the members of the trees of these roots: the roots, the processes in a session or
 * group that a root leads, the children of members, and the processes in a session that a
 * member leads.
 *
 * The watcher of a program in the tree is not a member. It exits by itself after it has
 * killed what that program left.
 */
export function membersOf(
  system: System,
  table: readonly ProcessInfo[],
  roots: readonly TreeRoot[],
): ProcessInfo[] {
  const groups = new Set<number>();
  const running = new Set<number>();
  for (const { pid, leads, hasExited } of roots) {
    if (leads) groups.add(pid);
    if (!hasExited) running.add(pid);
  }
  const members = new Map<number, ProcessInfo>();
  const children = Map.groupBy(table, ({ parent }) => parent);
  const sessions = Map.groupBy(table, ({ session }) => session);
  const pending: ProcessInfo[] = [];
  const add = (info: ProcessInfo) => {
    if (members.has(info.pid) || info.pid === system.pid) return;
    if (isWatcher(system, info)) return;
    members.set(info.pid, info);
    pending.push(info);
  };
  for (const info of table) {
    if (
      running.has(info.pid) || groups.has(info.group) ||
      groups.has(info.session)
    ) add(info);
  }
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    children.get(next.pid)?.forEach(add);
    if (next.session === next.pid) sessions.get(next.pid)?.forEach(add);
  }
  return [...members.values()];
}

/**
 * Tests whether a process is a watcher: it leads a session, and its last argument is the
 * name of watchers.
 */
function isWatcher(system: System, { pid, session }: ProcessInfo): boolean {
  return pid === session &&
    system.readText(`/proc/${pid}/cmdline`)?.endsWith(`\0${WATCHER_NAME}\0`) ===
      true;
}
