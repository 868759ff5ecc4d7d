import type { FileSink, Subprocess } from "bun";
import type {} from "bun-types/s3.d.ts";
import { builtin, signalNumber } from "./builtin.ts";
import {
  childEnvironment,
  type ParentEnvironment,
} from "./child_environment.ts";
import {
  DEFAULT_PATH,
  isRelativePath,
  lookUpProgram,
  type ProgramFinding,
  type ProgramLookup,
} from "./program_lookup.ts";
import type {
  ByteSink,
  Child,
  ExitStatus,
  SpawnSpec,
  StdioMode,
} from "./runtime.ts";
import { errorCode, explainSpawnFailure } from "./spawn_failure.ts";

/** What is used of the runtime's globals; typed here so that nothing else of them is. */
interface BunGlobals {
  readonly Bun: {
    spawn(command: string[], options: BunSpawnOptions): BunSubprocess;
  };
  readonly process: {
    readonly env: Record<string, string | undefined>;
    readonly platform: string;
    kill(pid: number, signal: string): void;
  };
}
type BunStdio = "pipe" | "inherit" | "ignore";
interface BunSpawnOptions {
  argv0?: string;
  cwd?: string;
  env: Record<string, string | undefined>;
  stdin: BunStdio;
  stdout: BunStdio;
  stderr: BunStdio;
  detached: boolean;
}
type BunSubprocess = Subprocess<BunStdio, BunStdio, BunStdio>;

/** Starts a child by way of `Bun.spawn`. */
export function bunSpawn(spec: SpawnSpec): Child {
  const { Bun, process } = globals();
  const ownGroup = spec.ownGroup && process.platform !== "win32";
  const command = commandOf(spec);
  try {
    const child = Bun.spawn(command, {
      argv0: spec.program,
      cwd: spec.cwd ?? undefined,
      env: environmentOf(spec),
      stdin: STDIO[spec.stdin],
      stdout: STDIO[spec.stdout],
      stderr: STDIO[spec.stderr],
      detached: ownGroup,
    });
    return new BunChild(child, ownGroup);
  } catch (cause) {
    throw explain(spec, cause);
  }
}

const STDIO: Readonly<Record<StdioMode, BunStdio>> = {
  piped: "pipe",
  inherit: "inherit",
  null: "ignore",
};

function globals(): BunGlobals {
  return globalThis as unknown as BunGlobals;
}

/**
 * The program and its arguments. Bun looks a name up in the `PATH` of the child;
 * where the command leaves it none, or one that Bun reads differently, the name
 * is looked up here.
 */
function commandOf(spec: SpawnSpec): string[] {
  const { program, args, envs } = spec;
  const childHasPath = envs.has("PATH")
    ? envs.get("PATH") !== null
    : !spec.envCleared;
  const isLeftToBun = program.includes("/") ||
    (childHasPath && !isRelativePath(pathFor(spec)));
  const lookup = isLeftToBun ? null : lookUp(spec);
  if (lookup?.kind === "missing") throw explain(spec, null);
  return [lookup?.kind === "found" ? lookup.word : program, ...args];
}

function environmentOf(
  spec: SpawnSpec,
): Record<string, string | undefined> {
  const { env } = globals().process;
  // Said aloud, since Bun's own default is the environment the program began with.
  if (!spec.envCleared && spec.envs.size === 0) return env;
  const parent: ParentEnvironment = {
    get: (name) => env[name],
    all: () => env,
  };
  const { alone, variables } = childEnvironment(spec, parent);
  return alone ? variables : Object.assign(Object.create(null), env, variables);
}

/** Looks the program up; `null` on Windows, whose rules are others. */
function lookUp(spec: SpawnSpec): ProgramLookup | null {
  if (globals().process.platform === "win32") return null;
  return lookUpProgram(spec.program, pathFor(spec), spec.cwd, find);
}

function pathFor(spec: SpawnSpec): string {
  return spec.envs.get("PATH") ?? globals().process.env.PATH ?? DEFAULT_PATH;
}

function find(path: string): ProgramFinding {
  const fs = builtin("node:fs");
  if (!fs.existsSync(path)) return "absent";
  try {
    fs.accessSync(path, fs.constants.X_OK);
    return fs.statSync(path).isFile() ? "executable" : "not-executable";
  } catch {
    return "not-executable";
  }
}

function explain(spec: SpawnSpec, cause: unknown): Error {
  return explainSpawnFailure({
    program: spec.program,
    cwd: spec.cwd,
    cwdIsFolder: spec.cwd === null ? null : isFolder(spec.cwd),
    lookup: lookUp(spec),
    cause,
    code: errorCode(cause),
  });
}

function isFolder(path: string): boolean {
  return builtin("node:fs").statSync(path, { throwIfNoEntry: false })
    ?.isDirectory() ?? false;
}

class BunChild implements Child {
  readonly pid: number;
  readonly leadsGroup: boolean;
  readonly stdin: ByteSink | null;
  readonly stdout: ReadableStream<Uint8Array> | null;
  readonly stderr: ReadableStream<Uint8Array> | null;
  readonly status: Promise<ExitStatus>;
  readonly #child: BunSubprocess;

  constructor(child: BunSubprocess, leadsGroup: boolean) {
    this.#child = child;
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
      kill(this.pid, name);
    }
  }

  signalGroup(name: string): boolean {
    return kill(-this.pid, name);
  }

  unref(): void {
    this.#child.unref();
  }

  lateFailure(): null {
    return null;
  }
}

/** False if there is nobody to be signalled. */
function kill(pid: number, signal: string): boolean {
  try {
    globals().process.kill(pid, signal);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === "ESRCH") return false;
    if (code === "EPERM") return true;
    throw error;
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
