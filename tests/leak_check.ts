// Fails a test that leaves a child, a descriptor or a timer. Deno's sanitizers find timers
// and pending operations, but not descriptors that `node:fs` opened. Bun has no sanitizers.

import { readdir, readFile, readlink } from "node:fs/promises";

/** What a process has open at one moment. */
interface OpenResources {
  readonly children: ReadonlySet<string>;
  readonly descriptors: ReadonlySet<string>;
  readonly timers: number;
}

const { setTimeout: realSetTimeout } = globalThis;

/** Compares what is open before and after each test. */
export class LeakCheck {
  readonly #pendingTimers: () => number;
  #before: OpenResources | null = null;

  /** `pendingTimers` returns the number of pending timers. Omit it where a sanitizer of the runtime counts them. */
  constructor(pendingTimers: () => number = () => 0) {
    this.#pendingTimers = pendingTimers;
  }

  /** Records what is open. Call it before a test. */
  async start(): Promise<void> {
    this.#before = await this.#open();
  }

  /**
   * Throws if more is open than at {@linkcode LeakCheck.start}. Call it after a test. Waits
   * up to 1 second for resources that are being closed.
   */
  async finish(): Promise<void> {
    const before = this.#before;
    if (before === null) throw new Error("the leak check was not started");
    this.#before = null;
    let leaked = "";
    for (let attempt = 0; attempt < 100; attempt++) {
      leaked = difference(before, await this.#open());
      if (leaked === "") return;
      // Not the counted timer: the check must not see its own wait.
      await new Promise((resolve) => realSetTimeout(resolve, 10));
    }
    throw new Error(`the test leaks: ${leaked}`);
  }

  async #open(): Promise<OpenResources> {
    const children = new Set<string>();
    for (const task of await readdir("/proc/self/task")) {
      const list = await readFile(`/proc/self/task/${task}/children`, "utf8")
        .catch(() => "");
      for (const child of list.split(" ")) {
        if (child !== "") children.add(child);
      }
    }
    const descriptors = new Set<string>();
    for (const descriptor of await readdir("/proc/self/fd")) {
      const target = await readlink(`/proc/self/fd/${descriptor}`)
        .catch(() => "");
      // The runtime's own event queues come and go with its threads, and so do the files
      // of Deno's caches, which another Deno may have replaced.
      if (
        target !== "" && !target.startsWith("anon_inode:") &&
        !/^\/proc\/\d+\/fd$|_cache_v\d/.test(target)
      ) {
        // Another process may delete the file of a descriptor that was open before, as
        // Deno does with its caches.
        const path = target.replace(/ \(deleted\)$/, "");
        descriptors.add(`${descriptor} (${path})`);
      }
    }
    return { children, descriptors, timers: this.#pendingTimers() };
  }
}

function difference(before: OpenResources, after: OpenResources): string {
  const children = [...after.children].filter((child) =>
    !before.children.has(child)
  );
  const descriptors = [...after.descriptors].filter((descriptor) =>
    !before.descriptors.has(descriptor)
  );
  return [
    children.length > 0 ? `child ${children.join(", ")}` : "",
    descriptors.length > 0 ? `descriptor ${descriptors.join(", ")}` : "",
    after.timers > before.timers
      ? `${after.timers - before.timers} timer(s)`
      : "",
  ].filter((part) => part !== "").join("; ");
}

/** Makes the global timer functions count. Returns a function that returns the number of pending timers. */
export function countTimers(): () => number {
  const pending = new Set<unknown>();
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  const counted = {
    setTimeout(
      action: (...args: unknown[]) => void,
      ms?: number,
      ...args: unknown[]
    ) {
      const timer = setTimeout(() => {
        pending.delete(timer);
        action(...args);
      }, ms);
      pending.add(timer);
      return timer;
    },
    setInterval(
      action: (...args: unknown[]) => void,
      ms?: number,
      ...args: unknown[]
    ) {
      const timer = setInterval(action, ms, ...args);
      pending.add(timer);
      return timer;
    },
    clearTimeout(timer: number | undefined) {
      pending.delete(timer);
      clearTimeout(timer);
    },
    clearInterval(timer: number | undefined) {
      pending.delete(timer);
      clearInterval(timer);
    },
  };
  Object.assign(globalThis, counted);
  return () => pending.size;
}
