import { SpawnError, UnsupportedError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import { enteringArgs, SHELL } from "./cgroup_entry.ts";
import {
  type ChildEnvironment,
  childEnvironment,
  type ParentEnvironment,
} from "./child_environment.ts";
import { DenoChild, type DenoStart } from "./deno_child.ts";
import { isGranted, isGrantedWhole } from "./deno_permission.ts";
import { lookUp, mayRead, prefixFor, programWord } from "./deno_program.ts";
import { nextDescriptors, stdoutAmong } from "./deno_stdout_pipe.ts";
import type { Child, SpawnSpec, StdioMode } from "./runtime.ts";
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
    return new DenoChild({
      child,
      spec,
      start,
      stdoutDescriptor: stdout,
      explain: (cause) => explain(spec, cause),
    });
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
function chooseStart(
  spec: SpawnSpec,
  environment: ChildEnvironment,
): DenoStart {
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
