import type { System } from "../runtime/runtime.ts";
import { statFields } from "./proc_stat.ts";

/** What some processes have used; `null` where the system does not tell. */
export interface Usage {
  /** Processor time, in milliseconds. */
  readonly cpuTime: number | null;
  /** Resident memory, in bytes. */
  readonly memory: number | null;
}

/** What a tree of processes has used. */
export interface TreeUsage extends Usage {
  /** The most memory that any one of them ever took, in bytes. */
  readonly largest: number | null;
}

/** How much processor time one tick is, on every Linux there is. */
const TICK_MS = 10;

/** What these processes have used, each by itself: those that ended are not in it. */
export function usageOf(system: System, pids: readonly number[]): Usage {
  if (pids.length === 0) return { cpuTime: 0, memory: 0 };
  return {
    cpuTime: sumOf(pids, (pid) => ticksOf(system, pid, 2)),
    memory: sumOf(pids, (pid) => memoryOf(system, pid)?.now ?? null),
  };
}

/** What these processes have used, and those of their children that have ended. */
export function treeUsageOf(
  system: System,
  pids: readonly number[],
): TreeUsage {
  const memory = pids.map((pid) => memoryOf(system, pid)).filter((memory) =>
    memory !== null
  );
  return {
    cpuTime: sumOf(pids, (pid) => ticksOf(system, pid, 4)),
    memory: sumOf(memory, ({ now }) => now),
    largest: memory.length === 0
      ? null
      : Math.max(...memory.map(({ most }) => most)),
  };
}

/** The sum of what is known; `null` where nothing is. */
function sumOf<T>(
  items: readonly T[],
  valueOf: (item: T) => number | null,
): number | null {
  let sum: number | null = null;
  for (const item of items) {
    const value = valueOf(item);
    if (value !== null) sum = (sum ?? 0) + value;
  }
  return sum;
}

/** In milliseconds: as user and in the kernel, and with 4 in place of 2 that of children that have ended. */
function ticksOf(system: System, pid: number, fields: 2 | 4): number | null {
  const stat = system.readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const times = statFields(stat).slice(11, 11 + fields);
  return times.reduce((sum, time) => sum + Number(time), 0) * TICK_MS;
}

/** In bytes; a process that has ended and waits to be reaped has none. */
function memoryOf(
  system: System,
  pid: number,
): { now: number; most: number } | null {
  const status = system.readText(`/proc/${pid}/status`);
  if (status === null) return null;
  const of = (field: string) =>
    1024 *
    Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
  return { now: of("VmRSS"), most: of("VmHWM") };
}
