/** What is needed to know of a file to look a program up. */
export interface ProgramProbe {
  /** Whether there is a file at `path` that may be executed. */
  isExecutable(path: string): boolean;
  /** Whether there is anything at `path`. */
  exists(path: string): boolean;
}

/** Where a program was found, or why not. */
export type ProgramLookup =
  | { readonly kind: "found"; readonly path: string }
  | { readonly kind: "not-executable"; readonly path: string }
  | { readonly kind: "missing"; readonly searched: readonly string[] };

/**
 * Looks a program up as `execvp` does: a name in the folders of `pathVariable`,
 * anything with a slash as a path. What is relative is relative to `cwd`.
 */
export function lookUpProgram(
  program: string,
  pathVariable: string,
  cwd: string | null,
  probe: ProgramProbe,
): ProgramLookup {
  const isName = !program.includes("/");
  const searched = isName && pathVariable !== "" ? pathVariable.split(":") : [];
  const candidates = isName
    ? searched.map((folder) => `${folder || "."}/${program}`)
    : [program];
  let refused: string | null = null;
  for (const candidate of candidates) {
    const path = within(cwd, candidate);
    if (probe.isExecutable(path)) return { kind: "found", path };
    if (refused === null && probe.exists(path)) refused = path;
  }
  return refused === null
    ? { kind: "missing", searched }
    : { kind: "not-executable", path: refused };
}

/** `path`, seen from the caller's own working directory, when it is meant to be seen from `cwd`. */
export function within(cwd: string | null, path: string): string {
  return cwd === null || path.startsWith("/") ? path : `${cwd}/${path}`;
}
