import type { SpawnSpec } from "./runtime.ts";

/** The parent's environment. Its methods may throw if a variable may not be read. */
export interface ParentEnvironment {
  /** Returns the value of one variable; `undefined` if it is not set. */
  get(name: string): string | undefined;
  /** Returns all variables. */
  all(): Record<string, string | undefined>;
}

/** The environment of a child. */
export interface ChildEnvironment {
  /** Whether `variables` is the complete environment. Otherwise they are added to the parent's. */
  readonly isComplete: boolean;
  readonly variables: Record<string, string>;
}

/**
 * Computes the environment of a child. Reads no more of the parent's environment than
 * needed, since each variable may take a permission.
 */
export function childEnvironment(
  spec: SpawnSpec,
  parent: ParentEnvironment,
): ChildEnvironment {
  const variables = new Map<string, string>();
  const removesVariables = !spec.envCleared &&
    [...spec.envs.values()].includes(null);
  const inherited = removesVariables
    ? Object.keys(parent.all())
    : spec.envInherited;
  for (const name of inherited) {
    const value = parent.get(name);
    if (value !== undefined) variables.set(name, value);
  }
  for (const [name, value] of spec.envs) {
    if (value === null) variables.delete(name);
    else variables.set(name, value);
  }
  return {
    isComplete: spec.envCleared || removesVariables,
    variables: toRecord(variables),
  };
}

/** Returns an object without a prototype, because a variable may be named `__proto__`. */
function toRecord(
  variables: ReadonlyMap<string, string>,
): Record<string, string> {
  const record: Record<string, string> = Object.create(null);
  for (const [name, value] of variables) record[name] = value;
  return record;
}
