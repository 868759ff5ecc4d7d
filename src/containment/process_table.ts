import type { System } from "../runtime/runtime.ts";
import { statFields } from "./proc_stat.ts";
import { WATCHER_NAME } from "./watcher_process_scan.ts";

/** What the system tells of one process that has not ended. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** When it was started, in the system's own count: with its number, what tells it from any other. */
  readonly started: string;
}

/** Every process that has not ended, or `null` where the system does not tell. */
export function processTable(system: System): ProcessFacts[] | null {
  const lines = system.processLines();
  if (lines === null) return null;
  const table: ProcessFacts[] = [];
  for (const line of lines) {
    const facts = factsIn(line);
    if (facts !== null) table.push(facts);
  }
  return table;
}

/** `null` for a process that has ended and only waits to be reaped. */
function factsIn(line: string): ProcessFacts | null {
  const fields = statFields(line);
  const [state, parent, group, session] = fields;
  if (state === "Z" || state === "X") return null;
  return {
    pid: Number.parseInt(line),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    started: fields[19],
  };
}

/** Where a tree begins. */
export interface TreeRoot {
  readonly pid: number;
  /** Whether it leads, or led, a session and a group of its own. */
  readonly leads: boolean;
  /** Whether it has ended: its number is then nobody's, or a stranger's. */
  readonly hasExited: boolean;
}

/**
 * Everyone who belongs to the trees of these roots: by parent, or by a session or
 * group that a root leads, or by a session that another of them leads. A watcher of
 * a program in the tree is not one of them: it ends by itself, when it has ended
 * what that program left.
 */
export function membersOf(
  system: System,
  table: readonly ProcessFacts[],
  roots: readonly TreeRoot[],
): ProcessFacts[] {
  const led = new Set<number>();
  const living = new Set<number>();
  for (const { pid, leads, hasExited: hasEnded } of roots) {
    if (leads) led.add(pid);
    if (!hasEnded) living.add(pid);
  }
  const members = new Map<number, ProcessFacts>();
  const children = Map.groupBy(table, ({ parent }) => parent);
  const sessions = Map.groupBy(table, ({ session }) => session);
  const pending: ProcessFacts[] = [];
  const add = (facts: ProcessFacts) => {
    if (members.has(facts.pid) || facts.pid === system.pid) return;
    if (isWatcher(system, facts)) return;
    members.set(facts.pid, facts);
    pending.push(facts);
  };
  for (const facts of table) {
    if (
      living.has(facts.pid) || led.has(facts.group) || led.has(facts.session)
    ) add(facts);
  }
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    children.get(next.pid)?.forEach(add);
    if (next.session === next.pid) sessions.get(next.pid)?.forEach(add);
  }
  return [...members.values()];
}

/** A watcher leads a session of its own, and its last argument is its name. */
function isWatcher(system: System, { pid, session }: ProcessFacts): boolean {
  return pid === session &&
    system.readText(`/proc/${pid}/cmdline`)?.endsWith(`\0${WATCHER_NAME}\0`) ===
      true;
}
