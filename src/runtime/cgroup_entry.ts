/** The shell that lets a child enter a cgroup before the program is executed. */
export const SHELL = "/bin/sh";

/** What the shell exits with, and says, when the cgroup cannot be entered. */
const REFUSED = 125;
const COMPLAINT = "processkit: the cgroup could not be entered";

// A shell gives its child a PWD of its own making, so it is told which to pass on.
const SCRIPT =
  `echo 0 2>/dev/null >"$0/cgroup.procs" || { echo "${COMPLAINT}" >&2; exit ${REFUSED}; }
case $1 in =*) PWD=\${1#=} ;; *) unset PWD ;; esac
shift
exec "$@"`;

/**
 * The arguments with which {@linkcode SHELL} enters the cgroup at `folder` and then
 * executes `words` in its own place. `pwd` is the child's `PWD`, `undefined` if it has none.
 */
export function enteringArgs(
  folder: string,
  pwd: string | undefined,
  words: readonly string[],
): string[] {
  return ["-c", SCRIPT, folder, pwd === undefined ? "" : `=${pwd}`, ...words];
}

/** Whether a child ended because it could not enter its cgroup. */
export function couldNotEnter(code: number | null, stderr: string): boolean {
  return code === REFUSED && stderr.endsWith(`${COMPLAINT}\n`);
}
