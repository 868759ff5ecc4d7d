import { builtin } from "./builtin.ts";
import type { OutputDescriptor } from "./runtime.ts";

/**
 * Opens a file for a child to write to. Uses `node:fs` on both runtimes, because a child
 * takes a descriptor and `Deno.FsFile` does not expose its own.
 */
export async function openForChild(
  path: string,
  { append }: { append: boolean },
): Promise<OutputDescriptor> {
  const { open } = builtin("node:fs").promises;
  const file = await open(path, append ? "a" : "w");
  const { dev, ino } = await file.stat({ bigint: true });
  return {
    descriptor: file.fd,
    identity: `${dev}:${ino}`,
    close: () => file.close(),
  };
}
