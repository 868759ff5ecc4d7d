import { builtin } from "./builtin.ts";
import { bunProcess } from "./bun_process.ts";

/** What is used of the C library. */
interface Library {
  readonly symbols: { flock(descriptor: number, operation: number): number };
}

interface ForeignFunctions {
  dlopen(
    path: string,
    symbols: { flock: { args: string[]; returns: string } },
  ): Library;
}

const EXCLUSIVE = 2;
const NOT_WAITING = 4;
const UNLOCK = 8;

/** The longest pause between two attempts, in milliseconds. */
const LONGEST_PAUSE_MS = 5;
/** How long to try in all. */
const PATIENCE_MS = 60_000;

let library: Library | null = null;

/**
 * Locks a file or folder that is open, by `flock`, as Deno does; waits for who has it.
 * The kernel gives the lock back when the descriptor is closed, or its owner dies.
 *
 * @throws {Error} if there is no `flock` to be had, or the lock is not for a minute
 */
export async function lock(descriptor: number): Promise<void> {
  const { flock } = (library ??= load()).symbols;
  const end = performance.now() + PATIENCE_MS;
  // Waiting in the call itself would stop all of the program.
  for (let pause = 1; flock(descriptor, EXCLUSIVE | NOT_WAITING) !== 0;) {
    // Why it failed cannot be asked. To give back what one does not have succeeds, where
    // there are locks at all.
    if (flock(descriptor, UNLOCK) !== 0) {
      throw new Error("there are no locks on this file system");
    }
    if (performance.now() > end) {
      throw new Error("somebody has held its lock for a minute");
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

function load(): Library {
  const { dlopen } = builtin("bun:ffi") as ForeignFunctions;
  const failures: unknown[] = [];
  for (const name of libraryNames()) {
    try {
      return dlopen(name, { flock: { args: ["i32", "i32"], returns: "i32" } });
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, "there is no C library with flock");
}

/** Where the C library is: that of glibc, of musl, or of macOS. */
function libraryNames(): string[] {
  const { platform, arch } = bunProcess();
  if (platform === "darwin") return ["libSystem.B.dylib"];
  if (platform !== "linux") return [];
  const machine = arch === "arm64" ? "aarch64" : "x86_64";
  return ["libc.so.6", `libc.musl-${machine}.so.1`];
}
