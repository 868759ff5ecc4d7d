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
 * It looks a name up in the child's `PATH`, and the name is looked up in the
 * parent's here if the child has none. Where both find the same file it is given
 * the name, so that the child sees it as its own; where they do not, the path.
 */
export function prefixFor(spec: SpawnSpec): Prefix | null {
  try {
    const setsid = setsidPath();
    const path = setsid === null ? null : foundPath(spec);
    if (setsid === null || path === null || !isPlainExecutable(path)) {
      return null;
    }
    return { setsid, target: findsByName(spec, path) ? spec.program : path };
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

/** Where names were found. Looking through a long `PATH` again for every run would cost more than the rest. */
const foundBefore = new Map<string, string>();
const MOST_REMEMBERED = 1000;

function foundPath(spec: SpawnSpec): string | null {
  const key = JSON.stringify([spec.program, pathFor(spec), spec.cwd]);
  const before = foundBefore.get(key);
  if (before !== undefined && find(before) === "executable") return before;
  const lookup = lookUp(spec);
  if (lookup?.kind !== "found") return null;
  if (foundBefore.size >= MOST_REMEMBERED) foundBefore.clear();
  foundBefore.set(key, lookup.path);
  return lookup.path;
}

/** Whether `setsid`, given the program as it stands, starts what is at `path`. */
function findsByName(spec: SpawnSpec, path: string): boolean {
  if (spec.program.startsWith("-")) return false;
  if (spec.program.includes("/")) return true;
  const own = spec.envs.get("PATH");
  const childHasOurs = own !== undefined
    ? own !== null
    : !spec.envCleared || spec.envInherited.includes("PATH");
  if (childHasOurs) return true;
  const byDefault = lookUpProgram(spec.program, DEFAULT_PATH, spec.cwd, find);
  return byDefault.kind === "found" && isSameFile(byDefault.path, path);
}

let setsidFound: string | null | undefined;

function setsidPath(): string | null {
  if (setsidFound !== undefined) return setsidFound;
  const path = ["/usr/bin/setsid", "/bin/setsid"].find((path) =>
    find(path) === "executable"
  );
  // Not finding it may be for want of a permission, which may still be granted.
  if (path !== undefined) setsidFound = path;
  return path ?? null;
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

/** Files that were examined and found good, with what says that they are still the same. */
const examined = new Map<string, string>();

/**
 * Whether the system is sure to be able to execute a file: a binary for this
 * machine whose loader is there, or a script whose interpreter is.
 */
function isPlainExecutable(
  path: string,
  interpretersLeft = MOST_INTERPRETERS,
): boolean {
  const { ino, dev, size, mtime, ctime } = Deno.statSync(path);
  const facts = `${dev} ${ino} ${size} ${mtime?.getTime()} ${ctime?.getTime()}`;
  const loader = examined.get(path) === facts
    ? "none"
    : loaderOf(headOf(path), Deno.build.arch);
  if (loader === "none") return remember(path, facts);
  if (loader === "unsure" || interpretersLeft === 0) return false;
  if (find(loader.path) !== "executable") return false;
  return isPlainExecutable(loader.path, interpretersLeft - 1) &&
    remember(path, facts);
}

function remember(path: string, facts: string): true {
  if (examined.size >= MOST_REMEMBERED) examined.clear();
  examined.set(path, facts);
  return true;
}

function headOf(path: string): Uint8Array {
  using file = Deno.openSync(path);
  const head = new Uint8Array(HEAD_BYTES);
  return head.subarray(0, file.readSync(head) ?? 0);
}
