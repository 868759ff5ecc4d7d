/** The shell that enters a cgroup and then executes the program. */
export const SHELL = "/bin/sh";

/** The exit code and the stderr of the shell if it cannot enter the cgroup. */
const REFUSED_CODE = 125;
const REFUSED_MESSAGE = "processkit: the cgroup could not be entered";

// A shell sets PWD by itself, so it receives the value to pass on as an argument: "=value",
// or an empty text to remove the variable.
const ENTRY_SCRIPT =
  `echo 0 2>/dev/null >"$0/cgroup.procs" || { echo "${REFUSED_MESSAGE}" >&2; exit ${REFUSED_CODE}; }
case $1 in =*) PWD=\${1#=} ;; *) unset PWD ;; esac
shift
exec "$@"`;

/**
 * Variables that a shell does not pass on unchanged: names that are not valid in a shell,
 * and those that it sets.
 */
const NOT_PRESERVED_BY_SHELL =
  /^(?![A-Za-z_][A-Za-z0-9_]*$)|^(IFS|OPTIND|PPID|LINENO)$/;

/**
 * Returns the arguments that make {@linkcode SHELL} enter the cgroup at `folder` and then
 * execute `command` in its own place. `environment` is the complete environment of the
 * child.
 */
export function cgroupEntryArgs(
  folder: string,
  environment: Readonly<Record<string, string | undefined>>,
  command: readonly string[],
): string[] {
  const assignments: string[] = [];
  for (const name of Object.keys(environment)) {
    if (NOT_PRESERVED_BY_SHELL.test(name)) {
      assignments.push(`${name}=${environment[name]}`);
    }
  }
  // `env` sets those variables again. It takes a program with a "=" in its name for another
  // assignment, so it is left out then.
  const env = assignments.length === 0 || command[0].includes("=")
    ? []
    : ["/usr/bin/env", ...assignments];
  const { PWD } = environment;
  const pwd = PWD === undefined ? "" : `=${PWD}`;
  return ["-c", ENTRY_SCRIPT, folder, pwd, ...env, ...command];
}

/** Tests whether a child exited because it could not enter its cgroup. */
export function failedToEnterCgroup(
  code: number | null,
  stderr: string,
): boolean {
  return code === REFUSED_CODE && stderr.endsWith(`${REFUSED_MESSAGE}\n`);
}
