/**
 * What a run was asked to do, as plain data: what a test looks at, and what a
 * cassette matches on.
 */
export interface Invocation {
  /** The program, as given to the command. */
  readonly program: string;
  /** The arguments after the program. */
  readonly args: readonly string[];
  /** The working directory, as given, or `null` for the caller's own. */
  readonly cwd: string | null;
  /** The environment overrides: a value for a variable that is set, `null` for one that is removed. */
  readonly envs: ReadonlyMap<string, string | null>;
  /** Whether there is input on stdin; an empty string counts, no input does not. */
  readonly hasStdin: boolean;
  /** Whether an argument is `flag`, or `flag=` and a value. */
  hasFlag(flag: string): boolean;
}

/** Makes an {@linkcode Invocation} of its facts. */
export function invocationOf(facts: Omit<Invocation, "hasFlag">): Invocation {
  return Object.freeze({
    program: facts.program,
    args: facts.args,
    cwd: facts.cwd,
    envs: new Map(facts.envs),
    hasStdin: facts.hasStdin,
    hasFlag,
  });
}

// One function for all invocations: deep equality compares functions by identity.
function hasFlag(this: Invocation, flag: string): boolean {
  return this.args.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
}
