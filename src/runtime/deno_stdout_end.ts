import { builtin } from "./builtin.ts";
import { isGrantedWhole } from "./deno_permission.ts";
import type { PipeEnd, SpawnSpec } from "./runtime.ts";

/** How many descriptors Deno takes at most while it starts a child. */
const TAKEN_AT_MOST = 10;

/**
 * The numbers that descriptors get next: those of the child's pipes that stay here are
 * among them. `null` where nobody can look at descriptors.
 */
export function nextDescriptors(): readonly number[] | null {
  // All permissions are what `/proc` takes.
  if (Deno.build.os !== "linux" || !isGrantedWhole({ name: "read" })) {
    return null;
  }
  const { openSync, closeSync } = builtin("node:fs");
  const open: number[] = [];
  try {
    while (open.length < TAKEN_AT_MOST) open.push(openSync("/dev/null", "r"));
    return open;
  } catch {
    // There are too few, or no such file.
    return null;
  } finally {
    for (const descriptor of open) closeSync(descriptor);
  }
}

/**
 * The descriptor by which a child's stdout is read, of those that were free right before
 * the child was started; `null` if it is not clear which one that is.
 *
 * Deno tells no number of it, but it makes the pipes of stdin, stdout and stderr in
 * this order, and who asks for a descriptor gets the lowest number that is free. What
 * the child itself has for stdout would be another one at times: a shell changes it
 * while it does `echo x >&2`.
 */
export function stdoutAmong(
  descriptors: readonly number[],
  { stdin, stderr }: SpawnSpec,
): number | null {
  const pipes = descriptors.filter(isPipe);
  const before = stdin === "piped" ? 1 : 0;
  const after = stderr === "piped" ? 1 : 0;
  // Unless another thread has opened or closed something meanwhile.
  return pipes.length === before + 1 + after ? pipes[before] : null;
}

/** Opens what a descriptor reads from once more; `null` if that cannot be had. */
export function reopened(reader: number): PipeEnd | null {
  const { closeSync, openSync } = builtin("node:fs");
  try {
    const descriptor = openSync(pathOf(reader), "r");
    return { descriptor, close: () => closeSync(descriptor) };
  } catch {
    return null;
  }
}

function isPipe(descriptor: number): boolean {
  try {
    const { readlinkSync } = builtin("node:fs");
    return readlinkSync(pathOf(descriptor)).startsWith("pipe:");
  } catch {
    return false;
  }
}

function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
