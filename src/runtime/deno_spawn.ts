import { SpawnError, UnsupportedError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import { signalNumber } from "./builtin.ts";
import { couldNotEnter, enteringArgs, SHELL } from "./cgroup_entry.ts";
import {
  type ChildEnvironment,
  childEnvironment,
  type ParentEnvironment,
} from "./child_environment.ts";
import { isGranted, isGrantedWhole } from "./deno_permission.ts";
import { lookUp, mayRead, prefixFor, programWord } from "./deno_program.ts";
import { nextDescriptors, reopened, stdoutAmong } from "./deno_stdout_pipe.ts";
import { denoSystem } from "./deno_system.ts";
import type {
  ByteSink,
  Child,
  ExitStatus,
  PipeEnd,
  SpawnSpec,
  StdioMode,
} from "./runtime.ts";
import {
  errorCode,
  explainSpawnFailure,
  foundPath,
  NO_LOOKUP_ON_WINDOWS,
} from "./spawn_failure.ts";

/** Starts a child by way of `Deno.Command`. */
export function denoSpawn(spec: SpawnSpec): Child {
  const environment = environmentOf(spec);
  const start = chooseStart(spec, environment);
  const command = new Deno.Command(start.program, {
    args: [...start.args],
    cwd: spec.cwd ?? undefined,
    clearEnv: environment.alone,
    env: environment.variables,
    stdin: stdio(spec.stdin),
    stdout: stdio(spec.stdout),
    stderr: stdio(spec.stderr),
    detached: start.detached,
  });
  const next = spec.releasesStdout ? nextDescriptors() : null;
  try {
    const child = command.spawn();
    const stdout = next === null ? null : stdoutAmong(next, spec, child.pid);
    return new DenoChild(child, spec, start, stdout);
  } catch (cause) {
    throw explain(spec, cause);
  }
}

/** Tells where a program would be found. */
export function denoWhich(spec: SpawnSpec): string {
  return foundPath(
    {
      program: spec.program,
      cwd: spec.cwd,
      cwdIsFolder: isFolder(spec.cwd),
      lookup: lookUp(spec),
    },
    Deno.build.os === "windows"
      ? NO_LOOKUP_ON_WINDOWS
      : "grant --allow-env=PATH and --allow-read",
  );
}

/** Deno takes a descriptor as well; its types do not know. */
function stdio(mode: SpawnSpec["stdout"]): StdioMode {
  return mode as StdioMode;
}

/** How a child is started. */
interface Start {
  readonly program: string;
  readonly args: readonly string[];
  readonly detached: boolean;
  readonly leadsGroup: boolean;
  /** What `setsid` is to execute; `null` without `setsid`. */
  readonly target: string | null;
  readonly entersCgroup: boolean;
}

/**
 * Chooses the cheapest way to what was asked for. `detached` makes Deno copy its
 * whole address space's table (a `fork` in place of a `vfork`), which takes
 * longer the more memory the program has; `setsid` costs one more `exec` at any
 * size, and needs to be given a program that is sure to start. It would also start
 * one that Deno was told to deny, so with any of them denied Deno itself starts all.
 *
 * A group that may not be signalled is worth nothing, so without full run
 * permission, which that takes, the child stays in its parent's.
 */
function chooseStart(spec: SpawnSpec, environment: ChildEnvironment): Start {
  const { args, cgroup } = spec;
  const ownGroup = spec.ownGroup && Deno.build.os !== "windows" &&
    isGranted({ name: "run" });
  const prefix = ownGroup && isGrantedWhole({ name: "run" })
    ? prefixFor(spec)
    : null;
  if (prefix === null) {
    const program = programWord(spec);
    if (program === null) throw explain(spec, null);
    return {
      program,
      args,
      detached: ownGroup,
      leadsGroup: ownGroup,
      target: null,
      entersCgroup: false,
    };
  }
  const { setsid, target } = prefix;
  const words = [target, ...args];
  return {
    program: setsid,
    args: cgroup === undefined
      ? words
      : [SHELL, ...enteringArgs(cgroup, wholeOf(environment), words)],
    detached: false,
    leadsGroup: true,
    target,
    entersCgroup: cgroup !== undefined,
  };
}

/** The whole environment of a child that enters a cgroup, for which everything has to be granted. */
function wholeOf(
  { alone, variables }: ChildEnvironment,
): Record<string, string> {
  return alone ? variables : { ...Deno.env.toObject(), ...variables };
}

function environmentOf(spec: SpawnSpec): ChildEnvironment {
  try {
    return childEnvironment(spec, parentEnvironment(spec.program));
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    throw new SpawnError(
      spec.program,
      `its environment cannot be passed on: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function parentEnvironment(program: string): ParentEnvironment {
  return {
    get(name) {
      if (isGranted({ name: "env", variable: name })) return Deno.env.get(name);
      throw new UnsupportedError(
        `passing on the environment variable ${name}`,
        `grant --allow-env=${name}`,
        {
          program,
        },
      );
    },
    all() {
      if (isGranted({ name: "env" })) return Deno.env.toObject();
      throw new UnsupportedError(
        "removing an environment variable without --allow-env",
        "grant --allow-env, or use inheritEnv with the names the program needs",
        { program },
      );
    },
  };
}

function explain(spec: SpawnSpec, cause: unknown): Error {
  if (cause instanceof Deno.errors.NotCapable) {
    return new SpawnError(
      spec.program,
      `Deno was not granted --allow-run for it (${cause.message})`,
      { cause },
    );
  }
  const complainsOfCwd = cause instanceof Error &&
    /: (No such cwd|cwd is not a directory) '/.test(cause.message);
  return explainSpawnFailure({
    program: spec.program,
    cwd: spec.cwd,
    cwdIsFolder: complainsOfCwd ? false : isFolder(spec.cwd),
    lookup: lookUp(spec),
    cause,
    code: errorCode(cause),
  });
}

/** Whether a path leads to a folder; `null` if that cannot be told. */
function isFolder(path: string | null): boolean | null {
  if (path === null || !mayRead(path)) return null;
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? false : null;
  }
}

class DenoChild implements Child {
  readonly pid: number;
  readonly leadsGroup: boolean;
  readonly entersCgroup: boolean;
  readonly stdin: ByteSink | null;
  readonly stdout: ReadableStream<Uint8Array> | null;
  readonly stderr: ReadableStream<Uint8Array> | null;
  readonly status: Promise<ExitStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #spec: SpawnSpec;
  readonly #target: string | null;
  /** What its stdout is read by here, if that is known. */
  readonly #descriptor: number | null;
  #keepsAlive: KeepAlive | null = null;

  constructor(
    child: Deno.ChildProcess,
    spec: SpawnSpec,
    start: Start,
    descriptor: number | null,
  ) {
    this.#child = child;
    this.#descriptor = descriptor;
    this.#spec = spec;
    this.#target = start.target;
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
    const end = this.#descriptor === null ? null : reopened(this.#descriptor);
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
    if (this.entersCgroup && couldNotEnter(status.code, stderr)) {
      return new SpawnError(this.#spec.program, "its cgroup was refused");
    }
    if (this.#target === null || (status.code !== 126 && status.code !== 127)) {
      return null;
    }
    // As util-linux puts it, and as BusyBox does.
    const beginnings = [
      `setsid: failed to execute ${this.#target}: `,
      `setsid: can't execute '${this.#target}': `,
    ];
    const beginning = beginnings.find((beginning) =>
      stderr.startsWith(beginning)
    );
    if (beginning === undefined || !stderr.endsWith("\n")) return null;
    const reason = stderr.slice(beginning.length, -1);
    return reason.includes("\n")
      ? null
      : explain(this.#spec, new Error(reason));
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
