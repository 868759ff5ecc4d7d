/** What is at a path, as far as executing it goes. */
export type ProgramFinding = "executable" | "not-executable" | "absent";

/**
 * Where a program was found, or why not. `path` is how the caller names the file,
 * `word` how the child does, who may have another working directory.
 */
export type ProgramLookup =
  | { readonly kind: "found"; readonly path: string; readonly word: string }
  | { readonly kind: "not-executable"; readonly path: string }
  | { readonly kind: "missing"; readonly searched: readonly string[] };

/** Where `execvp` looks when there is no `PATH`. */
export const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * Looks a program up as `execvp` does: a name in the folders of `pathVariable`,
 * anything with a slash as a path. What is relative is relative to `cwd`.
 */
export function lookUpProgram(
  program: string,
  pathVariable: string,
  cwd: string | null,
  find: (path: string) => ProgramFinding,
): ProgramLookup {
  const isName = !program.includes("/");
  const searched = isName ? pathVariable.split(":") : [];
  const candidates = isName
    ? searched.map((folder) => `${folder || "."}/${program}`)
    : [program];
  let refused: string | null = null;
  for (const candidate of candidates) {
    const path = within(cwd, candidate);
    const finding = find(path);
    if (finding === "executable") {
      return { kind: "found", path, word: candidate };
    }
    if (finding === "not-executable") refused ??= path;
  }
  return refused === null
    ? { kind: "missing", searched }
    : { kind: "not-executable", path: refused };
}

/**
 * Whether a `PATH` has folders that depend on a working directory. The runtimes
 * differ on whose that is, and on what an empty `PATH` is, so that they must not
 * be left to look a name up there.
 */
export function isRelativePath(pathVariable: string): boolean {
  return pathVariable.split(":").some((folder) => !folder.startsWith("/"));
}

/** `path`, seen from the caller's own working directory, when it is meant to be seen from `cwd`. */
function within(cwd: string | null, path: string): string {
  return cwd === null || path.startsWith("/") ? path : `${cwd}/${path}`;
}
