// Loaded by `bun test` before every test file, by bunfig.toml. Adds the leak check to every
// test, and sets a timeout that is long enough on a busy machine.

import { Command } from "../mod.ts";
import { countTimers, LeakCheck } from "./leak_check.ts";

// Not a literal: Deno's type check would try to resolve the module.
const name: string = "bun:test";
const bun = await import(name) as {
  beforeEach(action: () => Promise<void>): void;
  afterEach(action: () => Promise<void>): void;
  setDefaultTimeout(ms: number): void;
};

bun.setDefaultTimeout(300_000);
// On Bun the watcher runs until the program ends. It is started here, so that it is not
// counted as a leak of the first test.
await new Command("true").run();
const leaks = new LeakCheck(countTimers());
bun.beforeEach(() => leaks.start());
bun.afterEach(() => leaks.finish());
Object.assign(globalThis, { isLeakCheckLoaded: true });
