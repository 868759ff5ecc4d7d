// Loaded by `bun test` before every test file (bunfig.toml): the leak check of the
// whole suite, and a time limit that a busy machine keeps.

import { Command } from "../mod.ts";
import { countTimers, LeakCheck } from "./leak_check.ts";

// Not a literal, or Deno's type check would look for a module of Bun's.
const name: string = "bun:test";
const bun = await import(name) as {
  beforeEach(action: () => Promise<void>): void;
  afterEach(action: () => Promise<void>): void;
  setDefaultTimeout(ms: number): void;
};

bun.setDefaultTimeout(300_000);
// On Bun the watcher lives as long as the program: it belongs to no test.
await new Command("true").run();
const leaks = new LeakCheck(countTimers());
bun.beforeEach(() => leaks.start());
bun.afterEach(() => leaks.finish());
Object.assign(globalThis, { isLeakCheckLoaded: true });
