import { builtin } from "./builtin.ts";
import { BunChild, type BunStdio, type BunSubprocess } from "./bun_child.ts";
import { cgroupEntryArgs, SHELL } from "./cgroup_entry.ts";
import {
  childEnvironment,
  type ParentEnvironment,
} from "./child_environment.ts";
import {
  type FileInspector,
  HEAD_BYTES,
  isSureToExecute,
} from "./executable_format.ts";
import {
  DEFAULT_PATH,
  type Executability,
  hasRelativeFolder,
  lookUpProgram,
  type ProgramLookup,
} from "./program_lookup.ts";
import type { Child, SpawnSpec, StdioMode } from "./runtime.ts";
import {
  errorCode,
  explainSpawnFailure,
  NO_LOOKUP_ON_WINDOWS,
  requirePath,
} from "./spawn_failure.ts";

/** The globals of Bun that are used here. */
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

/** Starts a child with `Bun.spawn`. */
export function bunSpawn(spec: SpawnSpec): Child {
  const { Bun, process } = globals();
  const ownGroup = spec.ownGroup && process.platform !== "win32";
  const env = environmentOf(spec);
  const { command, entersCgroup } = cgroupEntryCommand(spec, env) ??
    { command: commandFor(spec), entersCgroup: false };
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

/** Implements {@linkcode Runtime.which}. */
export function bunWhich(spec: SpawnSpec): string {
  return requirePath({
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
 * Returns the program and its arguments. Bun looks up a name in the `PATH` of the child.
 * If the child has no `PATH`, or one that Bun interprets differently, the name is looked
 * up here.
 */
function commandFor(spec: SpawnSpec): string[] {
  const { program, args } = spec;
  const isResolvedByBun = program.includes("/") ||
    (childHasPath(spec) && !hasRelativeFolder(pathFor(spec)));
  const lookup = isResolvedByBun ? null : lookUp(spec);
  if (lookup?.kind === "missing") throw explain(spec, null);
  return [lookup?.kind === "found" ? lookup.childPath : program, ...args];
}

function childHasPath({ envs, envCleared }: SpawnSpec): boolean {
  return envs.has("PATH") ? envs.get("PATH") !== null : !envCleared;
}

/**
 * Returns the command that enters the cgroup and then executes the program. Returns `null`
 * if the child has no cgroup, or if the program may fail to start: Bun starts such a
 * program directly and reports the reason, which a shell would hide. The shell gets the
 * name of the program instead of its path where the name leads to the same file, so that
 * the program sees its name as its first word.
 */
function cgroupEntryCommand(
  spec: SpawnSpec,
  env: Record<string, string | undefined>,
): { command: string[]; entersCgroup: true } | null {
  const { program, args, cgroup } = spec;
  if (cgroup === undefined) return null;
  const lookup = lookUp(spec);
  if (lookup?.kind !== "found") return null;
  try {
    if (!isSureToExecute(lookup.path, fileInspector)) return null;
  } catch {
    // A file may be executable but not readable.
    return null;
  }
  const byName = !program.startsWith("-") && !program.includes("/") &&
    childHasPath(spec);
  const target = [byName ? program : lookup.childPath, ...args];
  return {
    command: [SHELL, ...cgroupEntryArgs(cgroup, env, target)],
    entersCgroup: true,
  };
}

const fileInspector: FileInspector = {
  get arch() {
    return globals().process.arch === "x64" ? "x86_64" : "aarch64";
  },
  isExecutable: (path) => executability(path) === "executable",
  readHead(path) {
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
  // Passed explicitly: by default Bun uses the environment that this program started with.
  if (!spec.envCleared && spec.envs.size === 0) return env;
  const parent: ParentEnvironment = {
    get: (name) => env[name],
    all: () => env,
  };
  const { isComplete, variables } = childEnvironment(spec, parent);
  return isComplete
    ? variables
    : Object.assign(Object.create(null), env, variables);
}

/** Looks up the program; `null` on Windows, which has other rules. */
function lookUp(spec: SpawnSpec): ProgramLookup | null {
  if (globals().process.platform === "win32") return null;
  return lookUpProgram(spec.program, pathFor(spec), spec.cwd, executability);
}

function pathFor(spec: SpawnSpec): string {
  return spec.envs.get("PATH") ?? globals().process.env.PATH ?? DEFAULT_PATH;
}

function executability(path: string): Executability {
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
