import { builtin } from "./builtin.ts";
import { BunChild, type BunStdio, type BunSubprocess } from "./bun_child.ts";
import { enteringArgs, SHELL } from "./cgroup_entry.ts";
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
import {
  type FileView,
  HEAD_BYTES,
  isPlainExecutable,
} from "./executable_format.ts";
import type { Child, SpawnSpec, StdioMode } from "./runtime.ts";
import {
  errorCode,
  explainSpawnFailure,
  foundPath,
  NO_LOOKUP_ON_WINDOWS,
} from "./spawn_failure.ts";

/** What is used of the runtime's globals; typed here so that nothing else of them is. */
interface BunGlobals {
  readonly Bun: {
    spawn(command: string[], options: BunSpawnOptions): BunSubprocess;
  };
  readonly process: {
    readonly env: Record<string, string | undefined>;
    readonly platform: string;
    readonly arch: string;
  };
}
interface BunSpawnOptions {
  argv0?: string;
  cwd?: string;
  env: Record<string, string | undefined>;
  stdin: BunStdio | number;
  stdout: BunStdio | number;
  stderr: BunStdio | number;
  detached: boolean;
}
/** Starts a child by way of `Bun.spawn`. */
export function bunSpawn(spec: SpawnSpec): Child {
  const { Bun, process } = globals();
  const ownGroup = spec.ownGroup && process.platform !== "win32";
  const env = environmentOf(spec);
  const { command, entersCgroup } = enteringCommand(spec, env) ??
    { command: commandOf(spec), entersCgroup: false };
  try {
    const child = Bun.spawn(command, {
      argv0: entersCgroup ? SHELL : spec.program,
      cwd: spec.cwd ?? undefined,
      env,
      stdin: stdio(spec.stdin),
      stdout: stdio(spec.stdout),
      stderr: stdio(spec.stderr),
      detached: ownGroup,
    });
    return new BunChild(child, spec.program, ownGroup, entersCgroup);
  } catch (cause) {
    throw explain(spec, cause);
  }
}

/** Tells where a program would be found. */
export function bunWhich(spec: SpawnSpec): string {
  return foundPath({
    program: spec.program,
    cwd: spec.cwd,
    cwdIsFolder: spec.cwd === null ? null : isFolder(spec.cwd),
    lookup: lookUp(spec),
  }, NO_LOOKUP_ON_WINDOWS);
}

const STDIO: Readonly<Record<StdioMode, BunStdio>> = {
  piped: "pipe",
  inherit: "inherit",
  null: "ignore",
};

function stdio(mode: SpawnSpec["stdout"]): BunStdio | number {
  return typeof mode === "number" ? mode : STDIO[mode];
}

function globals(): BunGlobals {
  return globalThis as unknown as BunGlobals;
}

/**
 * The program and its arguments. Bun looks a name up in the `PATH` of the child;
 * where the command leaves it none, or one that Bun reads differently, the name
 * is looked up here.
 */
function commandOf(spec: SpawnSpec): string[] {
  const { program, args } = spec;
  const isLeftToBun = program.includes("/") ||
    (childHasPath(spec) && !isRelativePath(pathFor(spec)));
  const lookup = isLeftToBun ? null : lookUp(spec);
  if (lookup?.kind === "missing") throw explain(spec, null);
  return [lookup?.kind === "found" ? lookup.word : program, ...args];
}

function childHasPath({ envs, envCleared }: SpawnSpec): boolean {
  return envs.has("PATH") ? envs.get("PATH") !== null : !envCleared;
}

/**
 * The words that let the child enter its cgroup first; `null` if it has none, or if
 * the program may not start: then Bun, not a shell, is to say why. A shell looks a
 * name up as `execvp` does, so that it is given the name where that finds the same.
 */
function enteringCommand(
  spec: SpawnSpec,
  env: Record<string, string | undefined>,
): { command: string[]; entersCgroup: true } | null {
  const { program, args, cgroup } = spec;
  if (cgroup === undefined) return null;
  const lookup = lookUp(spec);
  if (lookup?.kind !== "found") return null;
  try {
    if (!isPlainExecutable(lookup.path, fileView)) return null;
  } catch {
    // It may be executed but not read.
    return null;
  }
  const byName = !program.startsWith("-") && !program.includes("/") &&
    childHasPath(spec);
  const words = [byName ? program : lookup.word, ...args];
  return {
    command: [SHELL, ...enteringArgs(cgroup, env, words)],
    entersCgroup: true,
  };
}

const fileView: FileView = {
  get arch() {
    return globals().process.arch === "x64" ? "x86_64" : "aarch64";
  },
  isExecutable: (path) => find(path) === "executable",
  headOf(path) {
    const { openSync, readSync, closeSync } = builtin("node:fs");
    const file = openSync(path, "r");
    try {
      const head = new Uint8Array(HEAD_BYTES);
      return head.subarray(0, readSync(file, head));
    } finally {
      closeSync(file);
    }
  },
};

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
