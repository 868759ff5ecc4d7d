// One suite for both runtimes: a test is declared the same way, and what it leaves
// behind (a child, a descriptor, a timer) fails it in either. Deno's sanitizers are
// on beside this; they know of timers and operations, but not of descriptors that
// were opened by way of `node:fs`. Bun has none.

import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { Command } from "../mod.ts";
import { join } from "./std.ts";

/** The runtime that the suite is running in. */
export const runtimeName: "deno" | "bun" = "Bun" in globalThis ? "bun" : "deno";

type Body = () => void | Promise<void>;

/** Declares a test; its name is a sentence about behaviour. */
export const test: (name: string, body: Body) => void = runtimeName === "deno"
  ? (name, body) => Deno.test(name, () => sanitized(body, () => 0))
  : await bunTest();

/** A new folder that is gone, with all in it, at the end of the test. */
export async function temporaryFolder(): Promise<
  { path: string; file(name: string): string } & AsyncDisposable
> {
  const path = await mkdtemp(join(tmpdir(), "processkit-test-"));
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

const { process } = globalThis as unknown as {
  process: { env: Record<string, string | undefined> };
};

/** Gives this process these variables, `undefined` for none, until that is disposed of. */
export function setVariables(
  variables: Record<string, string | undefined>,
): Disposable {
  const before = Object.keys(variables).map((name) =>
    [name, process.env[name]] as const
  );
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) set(name, value);
    },
  };
}

/** Waits until `condition` holds; fails when it still does not after `ms` milliseconds. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> {
  for (const end = Date.now() + ms; !await condition();) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Whether a process is there and not merely waiting to be reaped. */
export async function isAlive(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    return stat[stat.lastIndexOf(")") + 2] !== "Z";
  } catch {
    return false;
  }
}

async function bunTest(): Promise<(name: string, body: Body) => void> {
  // Not a literal, or Deno's type check would look for a module of Bun's.
  const name: string = "bun:test";
  const bun = await import(name) as {
    test(name: string, body: Body, timeout: number): void;
  };
  // Here the watcher stays for as long as the program does: it is no test's own.
  await new Command("true").run();
  const timers = countTimers();
  return (name, body) => bun.test(name, () => sanitized(body, timers), 120_000);
}

interface Belongings {
  readonly children: ReadonlySet<string>;
  readonly descriptors: ReadonlySet<string>;
  readonly timers: number;
}

/** Runs a test's body, and fails if more is open after it than was before. */
async function sanitized(body: Body, timers: () => number): Promise<void> {
  const before = await belongings(timers);
  await body();
  let left = "";
  // What is being closed takes a moment; what leaks is still there after it.
  for (let patience = 100; patience > 0; patience--) {
    left = difference(before, await belongings(timers));
    if (left === "") return;
    await new Promise((resolve) => REAL.setTimeout(resolve, 10));
  }
  throw new Error(`the test leaks: ${left}`);
}

async function belongings(timers: () => number): Promise<Belongings> {
  const children = new Set<string>();
  for (const task of await readdir("/proc/self/task")) {
    const list = await readFile(`/proc/self/task/${task}/children`, "utf8")
      .catch(() => "");
    for (const child of list.split(" ")) if (child !== "") children.add(child);
  }
  const descriptors = new Set<string>();
  for (const descriptor of await readdir("/proc/self/fd")) {
    const target = await readlink(`/proc/self/fd/${descriptor}`)
      .catch(() => "");
    // The runtime's own event queues come and go with its threads.
    if (
      target !== "" && !target.startsWith("anon_inode:") &&
      !/^\/proc\/\d+\/fd$/.test(target)
    ) {
      descriptors.add(`${descriptor} (${target})`);
    }
  }
  return { children, descriptors, timers: timers() };
}

function difference(before: Belongings, after: Belongings): string {
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

const REAL = { setTimeout: globalThis.setTimeout };

/** Makes the global timer functions count; returns what tells how many are pending. */
function countTimers(): () => number {
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
