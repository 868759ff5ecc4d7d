// Commands, promises and sinks that many tests need.

import { Command } from "../mod.ts";

/** Creates a command that runs a shell script. */
export function sh(script: string, ...args: string[]): Command {
  return new Command("sh", ["-c", script, "sh", ...args]);
}

/** Returns a promise that never settles. */
export function never(): Promise<void> {
  return new Promise(() => {});
}

/** Waits for `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Returns the error with which `promise` rejects. Throws if it resolves. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection");
}

/** Collects the items of an async iterable. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Creates a sink that collects the text that is written to it. */
export function textSink(): { sink: WritableStream<string>; text(): string } {
  let text = "";
  const sink = new WritableStream<string>({
    write(piece) {
      text += piece;
    },
  });
  return { sink, text: () => text };
}

/** Creates an abort signal that counts its listeners. */
export function countedSignal(): {
  signal: AbortSignal;
  listeners(): number;
} {
  const { signal } = new AbortController();
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    count++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (
    ...args: Parameters<typeof removeEventListener>
  ) => {
    count--;
    removeEventListener.apply(signal, args);
  };
  return { signal, listeners: () => count };
}

/** Sends a signal to a process. */
export function signal(pid: number, name: string): void {
  const { process } = globalThis as unknown as {
    process: { kill(pid: number, signal: string): void };
  };
  process.kill(pid, name);
}
