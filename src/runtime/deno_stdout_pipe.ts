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
 * this order, and who asks for a descriptor gets the lowest number that is free. Where
 * other threads ask for some at the same time, that need not be ours: so it has to be
 * the pipe that the child has for stdout, too. That alone would not do: a shell has
 * its stderr there while it does `echo x >&2`.
 */
export function stdoutAmong(
  descriptors: readonly number[],
  { stdin, stderr }: SpawnSpec,
  pid: number,
): number | null {
  const pipes = descriptors.flatMap((descriptor) => {
    const pipe = pipeAt(pathOf(descriptor));
    return pipe === null ? [] : [{ descriptor, pipe }];
  });
  const before = stdin === "piped" ? 1 : 0;
  const after = stderr === "piped" ? 1 : 0;
  if (pipes.length !== before + 1 + after) return null;
  const { descriptor, pipe } = pipes[before];
  return pipe === pipeAt(`/proc/${pid}/fd/1`) ? descriptor : null;
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

/** What tells the pipe from all others that is there; `null` if none is. */
function pipeAt(path: string): string | null {
  try {
    const target = builtin("node:fs").readlinkSync(path);
    return target.startsWith("pipe:") ? target : null;
  } catch {
    return null;
  }
}

function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
