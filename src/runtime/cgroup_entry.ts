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

/** What a shell does not pass on as it got it: names that are none of its own kind, and those that it sets itself. */
const NOT_PASSED_ON = /^(?![A-Za-z_][A-Za-z0-9_]*$)|^(IFS|OPTIND|PPID|LINENO)$/;

/**
 * The arguments with which {@linkcode SHELL}, in the child's whole `environment`,
 * enters the cgroup at `folder` and then executes `words` in its own place.
 */
export function enteringArgs(
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  words: readonly string[],
): string[] {
  const given: string[] = [];
  for (const name of Object.keys(environment)) {
    if (NOT_PASSED_ON.test(name)) given.push(`${name}=${environment[name]}`);
  }
  // It would take a program with a "=" in its name for a variable.
  const env = given.length === 0 || words[0].includes("=")
    ? []
    : ["/usr/bin/env", ...given];
  const { PWD } = environment;
  const pwd = PWD === undefined ? "" : `=${PWD}`;
  return ["-c", SCRIPT, folder, pwd, ...env, ...words];
}

/** Whether a child ended because it could not enter its cgroup. */
export function couldNotEnter(code: number | null, stderr: string): boolean {
  return code === REFUSED && stderr.endsWith(`${COMPLAINT}\n`);
}
