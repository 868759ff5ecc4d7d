import { isGranted } from "./deno_permission.ts";
import {
  type FileView,
  HEAD_BYTES,
  isPlainExecutable,
} from "./executable_format.ts";
import {
  DEFAULT_PATH,
  isRelativePath,
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
 * `setsid` looks a name up in the child's `PATH`; here it is looked up in the
 * parent's if the child has none. Where both find the same file it is given the
 * name, so that the child sees it as its own; where they do not, the path.
 */
export function prefixFor(spec: SpawnSpec): Prefix | null {
  try {
    const setsid = setsidPath();
    const target = setsid === null ? null : targetFor(spec);
    return setsid === null || target === null ? null : { setsid, target };
  } catch {
    // Whatever stood in the way of finding out: the runtime itself will say what is wrong.
    return null;
  }
}

/** A program that was found by its name, and is sure to start for as long as `facts` hold. */
interface Found {
  readonly path: string;
  readonly facts: string;
}

/**
 * Where names were found by which `setsid` is given them: looking through a long
 * `PATH` again for every run would cost more than all the rest. Should there be
 * another file of that name further up by now, `setsid` finds it all the same.
 */
const foundBefore = new Map<string, Found>();
const MOST_REMEMBERED = 1000;

/** The word by which `setsid` is sure to start the command's program, or `null`. */
function targetFor(spec: SpawnSpec): string | null {
  const key = JSON.stringify([
    spec.program,
    pathFor(spec),
    spec.cwd,
    childHasOurPath(spec),
  ]);
  const before = foundBefore.get(key);
  const isAsBefore = before !== undefined && mayRead(before.path) &&
    factsOf(before.path) === before.facts;
  if (isAsBefore) return spec.program;
  const lookup = lookUp(spec);
  if (lookup?.kind !== "found" || !isPlainExecutable(lookup.path, fileView)) {
    return null;
  }
  if (!findsByName(spec, lookup.path)) return lookup.word;
  if (foundBefore.size >= MOST_REMEMBERED) foundBefore.clear();
  foundBefore.set(key, { path: lookup.path, facts: factsOf(lookup.path) });
  return spec.program;
}

/** What changes when a file is replaced, written to or made no longer executable. */
function factsOf(path: string): string {
  const { dev, ino, size, mtime, ctime } = Deno.statSync(path);
  return `${dev} ${ino} ${size} ${mtime?.getTime()} ${ctime?.getTime()}`;
}

let setsidFound: string | undefined;

function setsidPath(): string | null {
  // Not finding it may be for want of a permission, which may still be granted.
  setsidFound ??= ["/usr/bin/setsid", "/bin/setsid"].find((path) =>
    find(path) === "executable"
  );
  return setsidFound ?? null;
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

/** The `PATH` that counts for a name, or `null` if it may not be read, or is one of Windows. */
function pathFor(spec: SpawnSpec): string | null {
  if (Deno.build.os === "windows") return null;
  const own = spec.envs.get("PATH");
  if (own != null) return own;
  if (spec.program.includes("/")) return "";
  if (!isGranted({ name: "env", variable: "PATH" })) return null;
  return Deno.env.get("PATH") ?? DEFAULT_PATH;
}

/**
 * What the runtime is to be given as the program when there is no prefix: the
 * program as it stands, where the runtime looks it up as it should. `null` if it
 * is not there.
 */
export function programWord(spec: SpawnSpec): string | null {
  const pathVariable = pathFor(spec);
  const isLeftToRuntime = spec.program.includes("/") || pathVariable === null ||
    !isRelativePath(pathVariable);
  const lookup = isLeftToRuntime ? null : lookUp(spec);
  if (lookup?.kind === "missing") return null;
  return lookup?.kind === "found" ? lookup.word : spec.program;
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

/** Whether the file may be looked at. */
export function mayRead(path: string): boolean {
  return isGranted({ name: "read" }) || isGranted({ name: "read", path });
}

const fileView: FileView = {
  get arch() {
    return Deno.build.arch;
  },
  isExecutable: (path) => find(path) === "executable",
  headOf,
};

function headOf(path: string): Uint8Array {
  using file = Deno.openSync(path);
  const head = new Uint8Array(HEAD_BYTES);
  return head.subarray(0, file.readSync(head) ?? 0);
}
