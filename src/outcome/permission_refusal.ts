/** The errors of runs that the runtime itself refused, for want of a permission. */
const refusals = new WeakSet<Error>();

/** Marks an error as a refusal by the runtime's permissions, and returns it. */
export function permissionRefusal<E extends Error>(error: E): E {
  refusals.add(error);
  return error;
}

/**
 * Tests whether the runtime's permissions refused a run. Another attempt would be refused
 * in the same way.
 */
export function isPermissionRefusal(error: unknown): boolean {
  return error instanceof Error && refusals.has(error);
}
