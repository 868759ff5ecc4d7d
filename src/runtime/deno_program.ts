import { isGranted } from "./deno_permission.ts";
import { HEAD_BYTES, loaderOf } from "./executable_format.ts";
import {
  DEFAULT_PATH,
  lookUpProgram,
  type ProgramFinding,
  type ProgramLookup,
} from "./program_lookup.ts";
import type { SpawnSpec } from "./runtime.ts";

// Deno's own calls, although they throw for what is not there: the first use of
// `node:fs` costs a program some 15 ms.

/** `setsid` and the word by which it is sure to start a program. */
export interface Prefix {
  readonly setsid: string;
  readonly target: string;
}

/**
 * How `setsid` can start the command's program, or `null` if it cannot, or might
 * not: it would report that as the program's own exit code.
 *
 * What was found is remembered, and not looked at again for a run whose stderr is
 * captured: should it have changed, `setsid` says so there, and the adapter makes
 * of it what the runtime would have said.
 */
export function prefixFor(spec: SpawnSpec): Prefix | null {
  const key = keyOf(spec);
  const known = spec.stderr === "piped" ? prefixes.get(key) : undefined;
  if (known !== undefined) return known;
  const prefix = findPrefix(spec);
  if (prefix === null) return null;
  if (prefixes.size >= MOST_PREFIXES) prefixes.clear();
  prefixes.set(key, prefix);
  return prefix;
}

/** Forgets how the command's program was to be started: it could not be. */
export function forgetPrefix(spec: SpawnSpec): void {
  prefixes.delete(keyOf(spec));
}

const prefixes = new Map<string, Prefix>();
const MOST_PREFIXES = 1000;

/** All that the finding depends on, apart from the disk. */
function keyOf(spec: SpawnSpec): string {
  return JSON.stringify([
    spec.program,
    pathFor(spec),
    spec.cwd,
    childHasOurPath(spec),
  ]);
}

/**
 * `setsid` looks a name up in the child's `PATH`; here it is looked up in the
 * parent's if the child has none. Where both find the same file it is given the
 * name, so that the child sees it as its own; where they do not, the path.
 */
function findPrefix(spec: SpawnSpec): Prefix | null {
  try {
    const setsid = ["/usr/bin/setsid", "/bin/setsid"].find((path) =>
      find(path) === "executable"
    );
    const lookup = setsid === undefined ? null : lookUp(spec);
    if (
      setsid === undefined || lookup?.kind !== "found" ||
      !isPlainExecutable(lookup.path)
    ) return null;
    return {
      setsid,
      target: findsByName(spec, lookup.path) ? spec.program : lookup.path,
    };
  } catch {
    // Whatever stood in the way of finding out: the runtime itself will say what is wrong.
    return null;
  }
}

/**
 * Looks the command's program up in the `PATH` that the command sets, or else in
 * the parent's; `null` if permissions do not allow it.
 */
export function lookUp(spec: SpawnSpec): ProgramLookup | null {
  const pathVariable = pathFor(spec);
  if (pathVariable === null) return null;
  const lookup = lookUpProgram(spec.program, pathVariable, spec.cwd, find);
  return lookup.kind === "missing" && !isGranted({ name: "read" })
    ? null
    : lookup;
}

/** The `PATH` that counts, or `null` if it may not be read. */
function pathFor(spec: SpawnSpec): string | null {
  const own = spec.envs.get("PATH");
  if (own != null) return own;
  if (spec.program.includes("/")) return "";
  if (!isGranted({ name: "env", variable: "PATH" })) return null;
  return Deno.env.get("PATH") ?? DEFAULT_PATH;
}

/** Whether `setsid`, given the program as it stands, starts what is at `path`. */
function findsByName(spec: SpawnSpec, path: string): boolean {
  // It would take this for an option.
  if (spec.program.startsWith("-")) return false;
  if (spec.program.includes("/") || childHasOurPath(spec)) return true;
  const byDefault = lookUpProgram(spec.program, DEFAULT_PATH, spec.cwd, find);
  return byDefault.kind === "found" && isSameFile(byDefault.path, path);
}

function childHasOurPath(spec: SpawnSpec): boolean {
  const own = spec.envs.get("PATH");
  if (own !== undefined) return own !== null;
  return !spec.envCleared || spec.envInherited.includes("PATH");
}

/** Any execute bit counts: whether it is the caller's shows when the program is started. */
function find(path: string): ProgramFinding {
  if (!mayRead(path)) return "absent";
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0
      ? "executable"
      : "not-executable";
  } catch {
    return "absent";
  }
}

function isSameFile(one: string, other: string): boolean {
  const [first, second] = [Deno.statSync(one), Deno.statSync(other)];
  return first.ino === second.ino && first.dev === second.dev;
}

function mayRead(path: string): boolean {
  return isGranted({ name: "read" }) || isGranted({ name: "read", path });
}

/** An interpreter may itself be a script, but the system follows only so many. */
const MOST_INTERPRETERS = 4;

/**
 * Whether the system is sure to be able to execute a file: a binary for this
 * machine whose loader is there, or a script whose interpreter is.
 */
function isPlainExecutable(
  path: string,
  interpretersLeft = MOST_INTERPRETERS,
): boolean {
  const loader = loaderOf(headOf(path), Deno.build.arch);
  if (loader === "none") return true;
  if (loader === "unsure" || interpretersLeft === 0) return false;
  return find(loader.path) === "executable" &&
    isPlainExecutable(loader.path, interpretersLeft - 1);
}

function headOf(path: string): Uint8Array {
  using file = Deno.openSync(path);
  const head = new Uint8Array(HEAD_BYTES);
  return head.subarray(0, file.readSync(head) ?? 0);
}
