import type { SpawnSpec } from "./runtime.ts";

/** The parent's environment, as far as it may be read. */
export interface ParentEnvironment {
  /** One variable, or `undefined` if it is not set. */
  get(name: string): string | undefined;
  /** All of them. */
  all(): Record<string, string | undefined>;
}

/** What a child's environment is made of. */
export interface ChildEnvironment {
  /** Whether the child gets nothing but {@linkcode ChildEnvironment.variables}. */
  readonly alone: boolean;
  readonly variables: Record<string, string>;
}

/** Works out a child's environment, asking the parent's only for what is needed of it. */
export function childEnvironment(
  spec: SpawnSpec,
  parent: ParentEnvironment,
): ChildEnvironment {
  const variables = new Map<string, string>();
  const removes = !spec.envCleared && [...spec.envs.values()].includes(null);
  const inherited = removes ? Object.keys(parent.all()) : spec.envInherited;
  for (const name of inherited) {
    const value = parent.get(name);
    if (value !== undefined) variables.set(name, value);
  }
  for (const [name, value] of spec.envs) {
    if (value === null) variables.delete(name);
    else variables.set(name, value);
  }
  return { alone: spec.envCleared || removes, variables: toRecord(variables) };
}

/** An object without a prototype: a variable may be called `__proto__`. */
function toRecord(
  variables: ReadonlyMap<string, string>,
): Record<string, string> {
  const record: Record<string, string> = Object.create(null);
  for (const [name, value] of variables) record[name] = value;
  return record;
}
