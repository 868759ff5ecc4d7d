import { SpawnError } from "../outcome/errors.ts";
import { signalNumber } from "./builtin.ts";
import { couldNotEnter } from "./cgroup_entry.ts";
import { reopened } from "./deno_stdout_pipe.ts";
import { denoSystem } from "./deno_system.ts";
import type {
  ByteSink,
  Child,
  ExitStatus,
  PipeEnd,
  SpawnSpec,
} from "./runtime.ts";
import { errorCode } from "./spawn_failure.ts";

/** How a child is started. */
export interface DenoStart {
  readonly program: string;
  readonly args: readonly string[];
  readonly detached: boolean;
  readonly leadsGroup: boolean;
  /** What `setsid` is to execute; `null` without `setsid`. */
  readonly target: string | null;
  readonly entersCgroup: boolean;
}

/** What a {@linkcode DenoChild} is made of. */
export interface DenoChildParts {
  readonly child: Deno.ChildProcess;
  readonly spec: SpawnSpec;
  readonly start: DenoStart;
  /** The descriptor of this process that the child's stdout is read from; `null` if it is not known. */
  readonly stdoutDescriptor: number | null;
  /** The error for a child that could not be started after all. */
  readonly explain: (cause: unknown) => Error;
}

/** A child that was started by `Deno.Command`. */
export class DenoChild implements Child {
  readonly pid: number;
  readonly leadsGroup: boolean;
  readonly entersCgroup: boolean;
  readonly stdin: ByteSink | null;
  readonly stdout: ReadableStream<Uint8Array> | null;
  readonly stderr: ReadableStream<Uint8Array> | null;
  readonly status: Promise<ExitStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #parts: DenoChildParts;
  #keepsAlive: KeepAlive | null = null;

  /** Takes charge of a child in the turn in which it was started. */
  constructor(parts: DenoChildParts) {
    const { child, spec, start } = parts;
    this.#child = child;
    this.#parts = parts;
    this.pid = child.pid;
    this.leadsGroup = start.leadsGroup;
    this.entersCgroup = start.entersCgroup;
    this.stdin = spec.stdin === "piped" ? new DenoSink(child.stdin) : null;
    this.stdout = spec.stdout === "piped" ? child.stdout : null;
    this.stderr = spec.stderr === "piped" ? child.stderr : null;
    this.status = child.status.then(exitStatus, exitStatusOfFailure);
  }

  signal(name: string): void {
    try {
      this.#child.kill(name as Deno.Signal);
    } catch (error) {
      const hasEnded = error instanceof TypeError ||
        error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.BadResource;
      if (!hasEnded && !(error instanceof Deno.errors.PermissionDenied)) {
        throw error;
      }
    }
  }

  signalGroup(name: string): boolean {
    return denoSystem.signal(-this.pid, name);
  }

  // Nothing has been read of it: Deno waits until somebody asks.
  releaseStdout(): PipeEnd | null {
    const { stdoutDescriptor } = this.#parts;
    const end = stdoutDescriptor === null ? null : reopened(stdoutDescriptor);
    if (end !== null) this.stdout!.cancel().catch(() => {});
    return end;
  }

  unref(): void {
    unlessEnded(() => this.#child.unref());
    this.#keepsAlive?.[Symbol.dispose]();
  }

  ref(): void {
    unlessEnded(() => this.#child.ref());
  }

  // When a program fails, Deno kills the children that keep it alive, and with them
  // goes what told whose children theirs are. So something else keeps it alive.
  entrustToWatcher(): void {
    this.#child.unref();
    const keepsAlive = new KeepAlive();
    this.#keepsAlive = keepsAlive;
    this.status.then(() => keepsAlive[Symbol.dispose]());
  }

  // `setsid` was given a program that looked sure to start. What cannot be seen
  // beforehand (a file just being written, a security module) shows only in how
  // it ends, and in the one line that it then prints.
  lateFailure(status: ExitStatus, stderr: string): Error | null {
    const { spec, start: { target }, explain } = this.#parts;
    if (this.entersCgroup && couldNotEnter(status.code, stderr)) {
      return new SpawnError(spec.program, "its cgroup was refused");
    }
    if (target === null || (status.code !== 126 && status.code !== 127)) {
      return null;
    }
    // As util-linux puts it, and as BusyBox does.
    const beginnings = [
      `setsid: failed to execute ${target}: `,
      `setsid: can't execute '${target}': `,
    ];
    const beginning = beginnings.find((beginning) =>
      stderr.startsWith(beginning)
    );
    if (beginning === undefined || !stderr.endsWith("\n")) return null;
    const reason = stderr.slice(beginning.length, -1);
    return reason.includes("\n") ? null : explain(new Error(reason));
  }
}

/** A child that has ended is no resource of Deno's any more: from some time before its status is told. */
function unlessEnded(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

function exitStatus({ code, signal }: Deno.CommandStatus): ExitStatus {
  return signal === null
    ? { code, signal: null }
    : { code: null, signal: signalNumber(signal) };
}

/** Deno has no names for real-time signals and rejects instead, with the number in the message. */
function exitStatusOfFailure(error: unknown): ExitStatus {
  const number = /^Invalid signal: (\d+)$/.exec(
    error instanceof Error ? error.message : "",
  )?.[1];
  return { code: null, signal: number === undefined ? null : Number(number) };
}

/** Keeps the program alive, as a pending operation would. */
class KeepAlive implements Disposable {
  static #count = 0;
  static #timer: ReturnType<typeof setInterval> | undefined;
  #isDisposed = false;

  constructor() {
    if (KeepAlive.#count++ === 0) {
      KeepAlive.#timer = setInterval(() => {}, 2 ** 31 - 1);
    }
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (--KeepAlive.#count === 0) clearInterval(KeepAlive.#timer);
  }
}

class DenoSink implements ByteSink {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter();
    // A broken pipe is told by `write`; nobody needs to be told twice.
    this.#writer.closed.catch(() => {});
  }

  async write(bytes: Uint8Array): Promise<boolean> {
    try {
      await this.#writer.write(bytes);
      return true;
    } catch (error) {
      if (
        error instanceof Deno.errors.BrokenPipe || errorCode(error) === "EPIPE"
      ) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    // A pipe that broke is closed already.
    await this.#writer.close().catch(() => {});
  }
}
