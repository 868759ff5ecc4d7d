import { SpawnError } from "../outcome/errors.ts";
import { signalNumber } from "./builtin.ts";
import { failedToEnterCgroup } from "./cgroup_entry.ts";
import { reopen } from "./deno_stdout_pipe.ts";
import { denoSystem } from "./deno_system.ts";
import type {
  ByteSink,
  Child,
  ExitStatus,
  PipeEnd,
  SpawnSpec,
} from "./runtime.ts";
import { errorCode } from "./spawn_failure.ts";

/** The way in which a child is started. */
export interface DenoStart {
  readonly program: string;
  readonly args: readonly string[];
  readonly detached: boolean;
  readonly leadsGroup: boolean;
  /** The program that `setsid` executes; `null` if the child is started without `setsid`. */
  readonly target: string | null;
  readonly entersCgroup: boolean;
}

/** The arguments of {@linkcode DenoChild}. */
export interface DenoChildParts {
  readonly child: Deno.ChildProcess;
  readonly spec: SpawnSpec;
  readonly start: DenoStart;
  /** The descriptor from which this program reads the child's stdout; `null` if it is not known. */
  readonly stdoutDescriptor: number | null;
  /** Makes the error for a child that could not be started after all. */
  readonly explain: (cause: unknown) => Error;
}

/** A child that `Deno.Command` started. */
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
  #keepAlive: KeepAlive | null = null;

  /** Wraps a child. Call this in the turn of the event loop in which it was started. */
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
      const hasExited = error instanceof TypeError ||
        error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.BadResource;
      if (!hasExited && !(error instanceof Deno.errors.PermissionDenied)) {
        throw error;
      }
    }
  }

  signalGroup(name: string): boolean {
    return denoSystem.signal(-this.pid, name);
  }

  // Deno has not read any of it yet, because it reads only on demand.
  releaseStdout(): PipeEnd | null {
    const { stdoutDescriptor } = this.#parts;
    const reader = stdoutDescriptor === null ? null : reopen(stdoutDescriptor);
    if (reader !== null) this.stdout!.cancel().catch(() => {});
    return reader;
  }

  unref(): void {
    unlessExited(() => this.#child.unref());
    this.#keepAlive?.[Symbol.dispose]();
  }

  ref(): void {
    unlessExited(() => this.#child.ref());
  }

  // When a program fails, Deno kills the children that keep its event loop alive. The
  // watcher could then no longer find the descendants of such a child by their parent. So
  // the child is unreferenced, and a timer keeps the event loop alive in its place.
  entrustToWatcher(): void {
    this.#child.unref();
    const keepAlive = new KeepAlive();
    this.#keepAlive = keepAlive;
    this.status.then(() => keepAlive[Symbol.dispose]());
  }

  // `setsid` starts only programs that are sure to start. Some obstacles cannot be checked
  // beforehand, such as a file that is open for writing or a security module. They show in
  // the exit code of `setsid` and in the one line that it prints.
  lateFailure(status: ExitStatus, stderr: string): Error | null {
    const { spec, start: { target }, explain } = this.#parts;
    if (this.entersCgroup && failedToEnterCgroup(status.code, stderr)) {
      return new SpawnError(spec.program, "it could not enter its cgroup");
    }
    if (target === null || (status.code !== 126 && status.code !== 127)) {
      return null;
    }
    // The messages of util-linux and of BusyBox.
    const prefixes = [
      `setsid: failed to execute ${target}: `,
      `setsid: can't execute '${target}': `,
    ];
    const prefix = prefixes.find((prefix) => stderr.startsWith(prefix));
    if (prefix === undefined || !stderr.endsWith("\n")) return null;
    const reason = stderr.slice(prefix.length, -1);
    return reason.includes("\n") ? null : explain(new Error(reason));
  }
}

/**
 * Calls `action` unless the child has exited: Deno removes an exited child from its resource
 * table some time before `status` resolves.
 */
function unlessExited(action: () => void): void {
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

/**
 * Returns the exit status if Deno rejects `status`. It does so for a real-time signal, for
 * which it has no name; the message has the number.
 */
function exitStatusOfFailure(error: unknown): ExitStatus {
  const number = /^Invalid signal: (\d+)$/.exec(
    error instanceof Error ? error.message : "",
  )?.[1];
  return { code: null, signal: number === undefined ? null : Number(number) };
}

/**
 * Keeps the event loop alive until disposed, as a pending operation would. All instances
 * share a timer.
 */
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
    // `write` reports a broken pipe; without this line it would be an unhandled rejection as
    // well.
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
    // A broken pipe is closed already.
    await this.#writer.close().catch(() => {});
  }
}
