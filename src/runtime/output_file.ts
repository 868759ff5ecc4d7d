import { builtin } from "./builtin.ts";
import type { OutputDescriptor } from "./runtime.ts";

/**
 * Opens a file for a child to write to. By way of `node:fs` in either runtime: a
 * file that Deno itself opens does not tell its descriptor, and a child takes one.
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
