import { SpawnError, UnsupportedError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import { permissionRefusal } from "../outcome/permission_refusal.ts";
import { cgroupEntryArgs, SHELL } from "./cgroup_entry.ts";
import {
  type ChildEnvironment,
  childEnvironment,
  type ParentEnvironment,
} from "./child_environment.ts";
import { DenoChild, type DenoStart } from "./deno_child.ts";
import { isFullyGranted, isGranted } from "./deno_permission.ts";
import {
  lookUp,
  mayRead,
  programForDeno,
  setsidStartFor,
} from "./deno_program.ts";
import {
  nextFreeDescriptors,
  stdoutDescriptorAmong,
} from "./deno_stdout_pipe.ts";
import type { Child, SpawnSpec, StdioMode } from "./runtime.ts";
import {
  errorCode,
  explainSpawnFailure,
  NO_LOOKUP_ON_WINDOWS,
  requirePath,
} from "./spawn_failure.ts";

/** Starts a child with `Deno.Command`. */
export function denoSpawn(spec: SpawnSpec): Child {
  const environment = environmentOf(spec);
  const start = chooseStart(spec, environment);
  const command = new Deno.Command(start.program, {
    args: [...start.args],
    cwd: spec.cwd ?? undefined,
    clearEnv: environment.isComplete,
    env: environment.variables,
    stdin: stdio(spec.stdin),
    stdout: stdio(spec.stdout),
    stderr: stdio(spec.stderr),
    detached: start.detached,
  });
  const candidates = spec.releasesStdout ? nextFreeDescriptors() : null;
  try {
    const child = command.spawn();
    const stdoutDescriptor = candidates === null
      ? null
      : stdoutDescriptorAmong(candidates, spec, child.pid);
    return new DenoChild({
      child,
      spec,
      start,
      stdoutDescriptor,
      explain: (cause) => explain(spec, cause),
    });
  } catch (cause) {
    throw explain(spec, cause);
  }
}

/** Implements {@linkcode Runtime.which}. */
export function denoWhich(spec: SpawnSpec): string {
  return requirePath(
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

/** Converts the type of a mode: Deno also takes a descriptor, which its types do not say. */
function stdio(mode: SpawnSpec["stdout"]): StdioMode {
  return mode as StdioMode;
}

/**
 * Chooses the fastest way to start the child.
 *
 * `detached` makes Deno use `fork` in place of `vfork`. `fork` copies the page tables of
 * this program, so it takes longer the more memory the program has. `setsid` takes one more
 * `exec`, whatever the memory, but only a program that is sure to start may be started
 * through it. `setsid` would also start a program that `--deny-run` excludes, so it is not
 * used if any program is denied.
 *
 * Signalling a group takes run permission for all programs. Without it a group of its own
 * would be of no use, and the child stays in the parent's group.
 */
function chooseStart(
  spec: SpawnSpec,
  environment: ChildEnvironment,
): DenoStart {
  const { args, cgroup } = spec;
  const ownGroup = spec.ownGroup && Deno.build.os !== "windows" &&
    isGranted({ name: "run" });
  const setsidStart = ownGroup && isFullyGranted({ name: "run" })
    ? setsidStartFor(spec)
    : null;
  if (setsidStart === null) {
    const program = programForDeno(spec);
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
  const { setsid, target } = setsidStart;
  const targetCommand = [target, ...args];
  return {
    program: setsid,
    args: cgroup === undefined ? targetCommand : [
      SHELL,
      ...cgroupEntryArgs(cgroup, completeVariables(environment), targetCommand),
    ],
    detached: false,
    leadsGroup: true,
    target,
    entersCgroup: cgroup !== undefined,
  };
}

/**
 * Returns all variables of a child that enters a cgroup. The environment of this program can
 * be read then: cgroups take all permissions.
 */
function completeVariables(
  { isComplete, variables }: ChildEnvironment,
): Record<string, string> {
  return isComplete ? variables : { ...Deno.env.toObject(), ...variables };
}

function environmentOf(spec: SpawnSpec): ChildEnvironment {
  try {
    return childEnvironment(spec, parentEnvironment(spec.program));
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    // The message of Deno's error shows the value of the variable, so the error is no cause.
    if (cause instanceof Deno.errors.InvalidData) {
      throw new SpawnError(
        spec.program,
        "the value of a variable that it inherits is not UTF-8, and Deno cannot pass it on; " +
          "set the variable with env, or leave it out of inheritEnv",
      );
    }
    throw new SpawnError(
      spec.program,
      `the environment cannot be passed on: ${messageOf(cause)}`,
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
        { program },
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
    return permissionRefusal(
      new SpawnError(
        spec.program,
        `Deno was not granted --allow-run for it (${cause.message})`,
        { cause },
      ),
    );
  }
  const isAboutCwd = cause instanceof Error &&
    /: (No such cwd|cwd is not a directory) '/.test(cause.message);
  return explainSpawnFailure({
    program: spec.program,
    cwd: spec.cwd,
    cwdIsFolder: isAboutCwd ? false : isFolder(spec.cwd),
    lookup: lookUp(spec),
    cause,
    code: errorCode(cause),
  });
}

/** Tests whether a path is a folder; `null` if it cannot be read, or without a path. */
function isFolder(path: string | null): boolean | null {
  if (path === null || !mayRead(path)) return null;
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? false : null;
  }
}
