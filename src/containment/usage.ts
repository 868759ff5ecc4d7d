import type { System } from "../runtime/runtime.ts";
import { statFields } from "./proc_stat.ts";

/** The resources that some processes use. A field is `null` where the system does not report it. */
export interface Usage {
  /** Processor time, in milliseconds. */
  readonly cpuTime: number | null;
  /** Resident memory, in bytes. */
  readonly memory: number | null;
}

/** The resources that a process tree uses. */
export interface TreeUsage extends Usage {
  /** The highest peak memory of any one process, in bytes. */
  readonly largest: number | null;
}

/**
 * The unit of the times in `/proc/<pid>/stat`, in milliseconds. It is 10 ms on every
 * architecture of Deno and Bun.
 */
const TICK_MS = 10;

/** Returns the resources of these processes. Processes that have exited do not count. */
export function usageOf(system: System, pids: readonly number[]): Usage {
  if (pids.length === 0) return { cpuTime: 0, memory: 0 };
  return {
    cpuTime: sumOf(pids, (pid) => cpuTimeOf(system, pid, 2)),
    memory: sumOf(pids, (pid) => memoryOf(system, pid)?.current ?? null),
  };
}

/**
 * Returns the resources of these processes. The processor time includes their children
 * that have exited.
 */
export function treeUsageOf(
  system: System,
  pids: readonly number[],
): TreeUsage {
  const memory = pids.map((pid) => memoryOf(system, pid)).filter((memory) =>
    memory !== null
  );
  return {
    cpuTime: sumOf(pids, (pid) => cpuTimeOf(system, pid, 4)),
    memory: sumOf(memory, ({ current }) => current),
    largest: memory.length === 0
      ? null
      : Math.max(...memory.map(({ peak }) => peak)),
  };
}

/** Returns the sum of the values that are not `null`; `null` if all are. */
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

/**
 * Returns processor time in milliseconds. 2 fields are user and system time, 4 include
 * those of exited children.
 */
function cpuTimeOf(system: System, pid: number, fields: 2 | 4): number | null {
  const stat = system.readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const times = statFields(stat).slice(11, 11 + fields);
  return times.reduce((sum, time) => sum + Number(time), 0) * TICK_MS;
}

/** Returns the current and the peak resident memory in bytes, which is 0 for a zombie. */
function memoryOf(
  system: System,
  pid: number,
): { current: number; peak: number } | null {
  const status = system.readText(`/proc/${pid}/status`);
  if (status === null) return null;
  const bytesOf = (field: string) =>
    1024 *
    Number(new RegExp(`^${field}:\\s*(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
  return { current: bytesOf("VmRSS"), peak: bytesOf("VmHWM") };
}
