import type { FileSink, Subprocess } from "bun";
import type {} from "bun-types/s3.d.ts";
import { SpawnError } from "../outcome/errors.ts";
import { signalNumber } from "./builtin.ts";
import { bunSystem } from "./bun_system.ts";
import { couldNotEnter } from "./cgroup_entry.ts";
import type { ByteSink, Child, ExitStatus } from "./runtime.ts";
import { errorCode } from "./spawn_failure.ts";

/** Where a stream of a child goes, in the words of `Bun.spawn`. */
export type BunStdio = "pipe" | "inherit" | "ignore";
/** What `Bun.spawn` returns. */
export type BunSubprocess = Subprocess<
  BunStdio | number,
  BunStdio | number,
  BunStdio | number
>;

/** A child that was started by `Bun.spawn`. */
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

  /** Takes charge of a child in the turn in which it was started. */
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

  // It is a socket, and Bun has begun to read it.
  releaseStdout(): null {
    return null;
  }

  lateFailure(status: ExitStatus, stderr: string): Error | null {
    return this.entersCgroup && couldNotEnter(status.code, stderr)
      ? new SpawnError(this.#program, "its cgroup was refused")
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
      // A write that cannot be finished returns a promise too, of the same failure as the flush.
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
      // A pipe that broke is closed already.
    }
  }
}
