import { builtin } from "./builtin.ts";
import { bunProcess } from "./bun_process.ts";

/** The functions of the C library that are used here. */
interface CLibrary {
  readonly symbols: { flock(descriptor: number, operation: number): number };
}

/** The parts of `bun:ffi` that are used here. */
interface BunFfi {
  dlopen(
    path: string,
    symbols: { flock: { args: string[]; returns: string } },
  ): CLibrary;
}

// The operations of flock(2).
const EXCLUSIVE = 2;
const NON_BLOCKING = 4;
const UNLOCK = 8;

/** The longest pause between two attempts, in milliseconds. */
const MAX_PAUSE_MS = 5;
/** How long to wait for the lock, in milliseconds. */
const TIMEOUT_MS = 60_000;

let library: CLibrary | null = null;

/**
 * Locks an open file or folder with `flock`, as Deno does, waiting up to 60 seconds for
 * another holder. The kernel releases the lock when the descriptor is closed, or when the
 * process that holds it ends.
 *
 * @throws {Error} if `flock` is not available, or the lock is still held after 60 seconds
 */
export async function lock(descriptor: number): Promise<void> {
  const { flock } = (library ??= load()).symbols;
  const end = performance.now() + TIMEOUT_MS;
  // A blocking `flock` would stop the whole program, so the lock is polled.
  for (let pause = 1; flock(descriptor, EXCLUSIVE | NON_BLOCKING) !== 0;) {
    // `errno` cannot be read reliably through `bun:ffi`. Unlocking a file that is not locked
    // succeeds wherever the file system supports locks, so it tells the two failures apart.
    if (flock(descriptor, UNLOCK) !== 0) {
      throw new Error("the file system does not support locks");
    }
    if (performance.now() > end) {
      throw new Error(
        `the lock was not released within ${TIMEOUT_MS / 1000} seconds`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, MAX_PAUSE_MS);
  }
}

function load(): CLibrary {
  const { dlopen } = builtin("bun:ffi") as BunFfi;
  const failures: unknown[] = [];
  for (const name of libraryNames()) {
    try {
      return dlopen(name, { flock: { args: ["i32", "i32"], returns: "i32" } });
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, "no C library with flock was found");
}

/** Returns the file names of the C library: glibc, musl, or that of macOS. */
function libraryNames(): string[] {
  const { platform, arch } = bunProcess();
  if (platform === "darwin") return ["libSystem.B.dylib"];
  if (platform !== "linux") return [];
  const machine = arch === "arm64" ? "aarch64" : "x86_64";
  return ["libc.so.6", `libc.musl-${machine}.so.1`];
}
