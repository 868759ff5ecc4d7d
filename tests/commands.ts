// Commands that many tests need.

import { Command } from "../mod.ts";

/** A command that runs a shell script. */
export function sh(script: string, ...args: string[]): Command {
  return new Command("sh", ["-c", script, "sh", ...args]);
}

/** A promise and what settles it, for a test that decides when. */
export function never(): Promise<void> {
  return new Promise(() => {});
}

/** Waits for `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** What `promise` rejected with; fails if it did not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection");
}

/** All that an iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** A sink that keeps what is written to it. */
export function keeper(): { sink: WritableStream<string>; text(): string } {
  let text = "";
  const sink = new WritableStream<string>({
    write(piece) {
      text += piece;
    },
  });
  return { sink, text: () => text };
}

/** An abort signal, and how many listeners it has. */
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

/** Signals a process. */
export function signal(pid: number, name: string): void {
  const { process } = globalThis as unknown as {
    process: { kill(pid: number, signal: string): void };
  };
  process.kill(pid, name);
}
