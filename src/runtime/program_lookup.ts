/** Whether the file at a path may be executed. */
export type Executability = "executable" | "not-executable" | "absent";

/**
 * The result of looking up a program. `path` is relative to the caller's working
 * directory, `childPath` to that of the child.
 */
export type ProgramLookup =
  | {
    readonly kind: "found";
    readonly path: string;
    readonly childPath: string;
  }
  | { readonly kind: "not-executable"; readonly path: string }
  | { readonly kind: "missing"; readonly searched: readonly string[] };

/** The folders that `execvp` searches if `PATH` is not set. */
export const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * Looks up a program as `execvp` does: a name is searched for in the folders of
 * `pathVariable`, and a program with a slash is a path. Relative paths are relative to
 * `cwd`.
 */
export function lookUpProgram(
  program: string,
  pathVariable: string,
  cwd: string | null,
  executability: (path: string) => Executability,
): ProgramLookup {
  const isName = !program.includes("/");
  const searched = isName ? pathVariable.split(":") : [];
  const candidates = isName
    ? searched.map((folder) => `${folder || "."}/${program}`)
    : [program];
  let notExecutable: string | null = null;
  for (const candidate of candidates) {
    const path = resolveIn(cwd, candidate);
    const found = executability(path);
    if (found === "executable") {
      return { kind: "found", path, childPath: candidate };
    }
    if (found === "not-executable") notExecutable ??= path;
  }
  return notExecutable === null
    ? { kind: "missing", searched }
    : { kind: "not-executable", path: notExecutable };
}

/**
 * Tests whether a `PATH` is empty or has a relative or empty folder. The runtimes differ in
 * the working directory that they apply to such a folder, and in the meaning of an empty
 * `PATH`, so a name must be looked up here instead.
 */
export function hasRelativeFolder(pathVariable: string): boolean {
  return pathVariable.split(":").some((folder) => !folder.startsWith("/"));
}

/**
 * Returns a path that is relative to `cwd` as one that is relative to the caller's working
 * directory.
 */
function resolveIn(cwd: string | null, path: string): string {
  return cwd === null || path.startsWith("/") ? path : `${cwd}/${path}`;
}
