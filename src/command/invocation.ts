/**
 * Holds the program, arguments, working directory and variables of a command as plain data.
 * Tests assert on it; see `RecordingRunner`.
 */
export interface Invocation {
  /** The program, as given to the command. */
  readonly program: string;
  /** The arguments after the program. */
  readonly args: readonly string[];
  /** The working directory, as given to the command, or `null` for that of the caller. */
  readonly cwd: string | null;
  /** The variables that the command sets, by name. The value of a removed variable is `null`. */
  readonly envs: ReadonlyMap<string, string | null>;
  /** Whether the command has input for stdin. An empty string counts as input. */
  readonly hasStdin: boolean;
  /** Tests whether an argument is `flag`, or begins with `flag=`. */
  hasFlag(flag: string): boolean;
}

/** Creates a frozen {@linkcode Invocation}. */
export function invocationOf(fields: Omit<Invocation, "hasFlag">): Invocation {
  return Object.freeze({
    program: fields.program,
    args: fields.args,
    cwd: fields.cwd,
    envs: new Map(fields.envs),
    hasStdin: fields.hasStdin,
    hasFlag,
  });
}

// All invocations share this function: deep equality compares functions by identity.
function hasFlag(this: Invocation, flag: string): boolean {
  return this.args.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
}
