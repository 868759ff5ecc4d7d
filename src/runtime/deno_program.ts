import { isGranted } from "./deno_permission.ts";
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
import type { SpawnSpec } from "./runtime.ts";

// This file uses Deno's own functions, although they throw for a missing file: the first use
// of `node:fs` takes about 15 ms.

/** The path of `setsid`, and the name or path of the program for it to execute. */
export interface SetsidStart {
  readonly setsid: string;
  readonly target: string;
}

/**
 * Returns how to start the program through `setsid`, or `null` if that is not sure to
 * succeed: `setsid` would report a failure as an exit code of the program.
 *
 * `setsid` looks up a name in the child's `PATH`. This library uses the parent's `PATH` if
 * the child has none. Where both find the same file, `setsid` gets the name, so that the
 * program sees its name as its first word. Otherwise it gets the path.
 */
export function setsidStartFor(spec: SpawnSpec): SetsidStart | null {
  try {
    const setsid = findSetsid();
    const target = setsid === null ? null : targetFor(spec);
    return setsid === null || target === null ? null : { setsid, target };
  } catch {
    // For any other obstacle, Deno starts the program itself and reports what is wrong.
    return null;
  }
}

/**
 * A program that was found by its name, and is sure to start while its file has this
 * fingerprint.
 */
interface VerifiedProgram {
  readonly path: string;
  readonly fingerprint: string;
}

/**
 * The programs that `setsid` gets by name. Without this cache, searching a long `PATH` would
 * take most of the time of a start. The cache does not fix the path: `setsid` searches
 * `PATH` itself, and finds a file that was added in an earlier folder meanwhile.
 */
const verifiedPrograms = new Map<string, VerifiedProgram>();
const MAX_VERIFIED_PROGRAMS = 1000;

/** Returns the name or path with which `setsid` is sure to start the program, or `null`. */
function targetFor(spec: SpawnSpec): string | null {
  const key = JSON.stringify([
    spec.program,
    pathFor(spec),
    spec.cwd,
    childHasSamePath(spec),
  ]);
  const verified = verifiedPrograms.get(key);
  const isUnchanged = verified !== undefined && mayRead(verified.path) &&
    fingerprintOf(verified.path) === verified.fingerprint;
  if (isUnchanged) return spec.program;
  const lookup = lookUp(spec);
  if (
    lookup?.kind !== "found" || !isSureToExecute(lookup.path, fileInspector)
  ) {
    return null;
  }
  if (!isFoundBySetsid(spec, lookup.path)) return lookup.childPath;
  if (verifiedPrograms.size >= MAX_VERIFIED_PROGRAMS) verifiedPrograms.clear();
  verifiedPrograms.set(key, {
    path: lookup.path,
    fingerprint: fingerprintOf(lookup.path),
  });
  return spec.program;
}

/**
 * Returns a text that changes when a file is replaced, written to, or loses its execute
 * permission.
 */
function fingerprintOf(path: string): string {
  const { dev, ino, size, mtime, ctime } = Deno.statSync(path);
  return `${dev} ${ino} ${size} ${mtime?.getTime()} ${ctime?.getTime()}`;
}

let cachedSetsidPath: string | undefined;

function findSetsid(): string | null {
  // A failure is not cached: the permission to find it may be granted later.
  cachedSetsidPath ??= ["/usr/bin/setsid", "/bin/setsid"].find((path) =>
    executability(path) === "executable"
  );
  return cachedSetsidPath ?? null;
}

/**
 * Looks up the program in the `PATH` that the command sets, or else in the parent's.
 * Returns `null` if the permissions do not allow that.
 */
export function lookUp(spec: SpawnSpec): ProgramLookup | null {
  const pathVariable = pathFor(spec);
  if (pathVariable === null) return null;
  const lookup = lookUpProgram(
    spec.program,
    pathVariable,
    spec.cwd,
    executability,
  );
  return lookup.kind === "missing" && !isGranted({ name: "read" })
    ? null
    : lookup;
}

/** Returns the `PATH` to search; `null` if it may not be read, and on Windows. */
function pathFor(spec: SpawnSpec): string | null {
  if (Deno.build.os === "windows") return null;
  const own = spec.envs.get("PATH");
  if (own != null) return own;
  if (spec.program.includes("/")) return "";
  if (!isGranted({ name: "env", variable: "PATH" })) return null;
  return Deno.env.get("PATH") ?? DEFAULT_PATH;
}

/**
 * Returns the program to pass to `Deno.Command` for a start without `setsid`, or `null` if
 * the program does not exist. The name is passed on unchanged where Deno looks it up as this
 * library does.
 */
export function programForDeno(spec: SpawnSpec): string | null {
  const pathVariable = pathFor(spec);
  const isResolvedByDeno = spec.program.includes("/") ||
    pathVariable === null ||
    !hasRelativeFolder(pathVariable);
  const lookup = isResolvedByDeno ? null : lookUp(spec);
  if (lookup?.kind === "missing") return null;
  return lookup?.kind === "found" ? lookup.childPath : spec.program;
}

/**
 * Tests whether `setsid` starts the file at `path` if it gets the program as the command
 * names it.
 */
function isFoundBySetsid(spec: SpawnSpec, path: string): boolean {
  // `setsid` would take the program for an option.
  if (spec.program.startsWith("-")) return false;
  if (spec.program.includes("/") || childHasSamePath(spec)) return true;
  const byDefault = lookUpProgram(
    spec.program,
    DEFAULT_PATH,
    spec.cwd,
    executability,
  );
  return byDefault.kind === "found" && isSameFile(byDefault.path, path);
}

/** Tests whether the child has the same `PATH` variable that {@linkcode pathFor} returns. */
function childHasSamePath(spec: SpawnSpec): boolean {
  const own = spec.envs.get("PATH");
  if (own !== undefined) return own !== null;
  return !spec.envCleared || spec.envInherited.includes("PATH");
}

/**
 * Inspects the file at a path. Any execute bit counts; a start shows whether it applies to
 * this user.
 */
function executability(path: string): Executability {
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

/** Tests whether the permissions allow reading a path. */
export function mayRead(path: string): boolean {
  return isGranted({ name: "read" }) || isGranted({ name: "read", path });
}

const fileInspector: FileInspector = {
  get arch() {
    return Deno.build.arch;
  },
  isExecutable: (path) => executability(path) === "executable",
  readHead,
};

function readHead(path: string): Uint8Array {
  using file = Deno.openSync(path);
  const head = new Uint8Array(HEAD_BYTES);
  return head.subarray(0, file.readSync(head) ?? 0);
}
