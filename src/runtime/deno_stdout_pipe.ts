import { builtin } from "./builtin.ts";
import { isFullyGranted } from "./deno_permission.ts";
import type { PipeEnd, SpawnSpec } from "./runtime.ts";

/** The most descriptors that Deno opens while it starts a child. */
const MAX_DESCRIPTORS_PER_SPAWN = 10;

/**
 * Returns the numbers that the next descriptors will get. Among them will be the ends of the
 * child's pipes that this program keeps. Returns `null` where descriptors cannot be inspected.
 */
export function nextFreeDescriptors(): readonly number[] | null {
  // Inspecting descriptors takes `/proc`, which takes all permissions. Without read permission
  // even opening `/dev/null` could prompt.
  if (Deno.build.os !== "linux" || !isFullyGranted({ name: "read" })) {
    return null;
  }
  const { openSync, closeSync } = builtin("node:fs");
  const open: number[] = [];
  try {
    while (open.length < MAX_DESCRIPTORS_PER_SPAWN) {
      open.push(openSync("/dev/null", "r"));
    }
    return open;
  } catch {
    // No descriptor is left, or `/dev/null` is missing.
    return null;
  } finally {
    for (const descriptor of open) closeSync(descriptor);
  }
}

/**
 * Finds the descriptor from which this program reads a child's stdout. `descriptors` are the
 * numbers that were free right before the child was started. Returns `null` if the result is
 * not certain.
 *
 * Deno does not expose the number. It creates the pipes of stdin, stdout and stderr in this
 * order, and a new descriptor gets the lowest free number. That is not enough, because
 * another thread may open descriptors at the same time. So the pipe must also be the one at
 * `/proc/<pid>/fd/1` of the child. That would not be enough by itself either, because a shell
 * has its stderr at descriptor 1 while it executes `echo x >&2`.
 */
export function stdoutDescriptorAmong(
  descriptors: readonly number[],
  { stdin, stderr }: SpawnSpec,
  pid: number,
): number | null {
  const pipes = descriptors.flatMap((descriptor) => {
    const pipe = pipeIdentity(pathOf(descriptor));
    return pipe === null ? [] : [{ descriptor, pipe }];
  });
  const before = stdin === "piped" ? 1 : 0;
  const after = stderr === "piped" ? 1 : 0;
  if (pipes.length !== before + 1 + after) return null;
  const { descriptor, pipe } = pipes[before];
  return pipe === pipeIdentity(`/proc/${pid}/fd/1`) ? descriptor : null;
}

/** Opens the pipe of a descriptor again for reading; `null` if that fails. */
export function reopen(reader: number): PipeEnd | null {
  const { closeSync, openSync } = builtin("node:fs");
  try {
    const descriptor = openSync(pathOf(reader), "r");
    return { descriptor, close: () => closeSync(descriptor) };
  } catch {
    return null;
  }
}

/** Returns a text that identifies the pipe at a path; `null` if there is no pipe. */
function pipeIdentity(path: string): string | null {
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
