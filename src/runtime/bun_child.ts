import type { FileSink, Subprocess } from "bun";
import type {} from "bun-types/s3.d.ts";
import { SpawnError } from "../outcome/errors.ts";
import { signalNumber } from "./builtin.ts";
import { bunSystem } from "./bun_system.ts";
import { failedToEnterCgroup } from "./cgroup_entry.ts";
import type { ByteSink, Child, ExitStatus } from "./runtime.ts";
import { errorCode } from "./spawn_failure.ts";

/** Where a standard stream of a child goes, as an option of `Bun.spawn`. */
export type BunStdio = "pipe" | "inherit" | "ignore";
/** The return type of `Bun.spawn`. */
export type BunSubprocess = Subprocess<
  BunStdio | number,
  BunStdio | number,
  BunStdio | number
>;

/** A child that `Bun.spawn` started. */
export class BunChild implements Child {
  readonly pid: number;
  readonly leadsGroup: boolean;
  readonly entersCgroup: boolean;
  readonly stdin: ByteSink | null;
  readonly stdout: ReadableStream<Uint8Array> | null;
  readonly stderr: ReadableStream<Uint8Array> | null;
  readonly status: Promise<ExitStatus>;
  readonly #child: BunSubprocess;
  readonly #program: string;

  /** Wraps a child. Call this in the turn of the event loop in which it was started. */
  constructor(
    child: BunSubprocess,
    program: string,
    leadsGroup: boolean,
    entersCgroup: boolean,
  ) {
    this.#child = child;
    this.#program = program;
    this.entersCgroup = entersCgroup;
    this.pid = child.pid;
    this.leadsGroup = leadsGroup;
    this.stdin = typeof child.stdin === "object"
      ? new BunSink(child.stdin)
      : null;
    this.stdout = typeof child.stdout === "object" ? child.stdout : null;
    this.stderr = typeof child.stderr === "object" ? child.stderr : null;
    this.status = child.exited.then(() => ({
      code: child.exitCode,
      signal: child.signalCode === null ? null : signalNumber(child.signalCode),
    }));
  }

  signal(name: string): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      bunSystem.signal(this.pid, name);
    }
  }

  signalGroup(name: string): boolean {
    return bunSystem.signal(-this.pid, name);
  }

  unref(): void {
    this.#child.unref();
  }

  ref(): void {
    this.#child.ref();
  }

  entrustToWatcher(): void {}

  // Bun connects the child by a socket, and reads it from the start.
  releaseStdout(): null {
    return null;
  }

  lateFailure(status: ExitStatus, stderr: string): Error | null {
    return this.entersCgroup && failedToEnterCgroup(status.code, stderr)
      ? new SpawnError(this.#program, "it could not enter its cgroup")
      : null;
  }
}

class BunSink implements ByteSink {
  readonly #sink: FileSink;

  constructor(sink: FileSink) {
    this.#sink = sink;
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    try {
      // An incomplete write also returns a promise, which rejects for the same reason as the
      // flush. Both are awaited so that no rejection is unhandled.
      const written = this.#sink.write(bytes);
      await Promise.all([written, this.#sink.flush()]);
      return true;
    } catch (error) {
      if (errorCode(error) === "EPIPE") return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    try {
      await this.#sink.end();
    } catch {
      // A broken pipe is closed already.
    }
  }
}
