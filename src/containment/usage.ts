import type { System } from "../runtime/runtime.ts";

/** What some processes have used; `null` where the system does not tell. */
export interface Usage {
  /** Processor time, in milliseconds. */
  readonly cpuTime: number | null;
  /** Resident memory, in bytes. */
  readonly memory: number | null;
}

/** How much processor time one tick is, on every Linux there is. */
const TICK_MS = 10;

/** What these processes have used, each by itself: those that ended are not in it. */
export function usageOf(system: System, pids: readonly number[]): Usage {
  if (pids.length === 0) return { cpuTime: 0, memory: 0 };
  let cpuTime: number | null = null;
  let memory: number | null = null;
  for (const pid of pids) {
    const stat = system.readText(`/proc/${pid}/stat`);
    const status = system.readText(`/proc/${pid}/status`);
    if (stat !== null) {
      const [user, kernel] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
        .slice(11, 13).map(Number);
      cpuTime = (cpuTime ?? 0) + (user + kernel) * TICK_MS;
    }
    if (status !== null) {
      const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1];
      memory = (memory ?? 0) + Number(kibibytes ?? 0) * 1024;
    }
  }
  return { cpuTime, memory };
}
