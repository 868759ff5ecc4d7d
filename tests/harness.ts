// Declares tests on both runtimes: every test file calls `test` of this module. The leak
// check runs before and after each test (leak_check.ts).

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { LeakCheck } from "./leak_check.ts";
import { runtimeName } from "./runtime_name.ts";
import { join } from "./std.ts";

export { runtimeName };
export { eventually, isAlive } from "./waiting.ts";

type Declare = (name: string, body: () => void | Promise<void>) => void;

/**
 * Declares a test whose name is a sentence about behaviour. This is the runtime's own
 * function without a wrapper, since a runtime reports the file and the line of its call.
 */
export const test: Declare = runtimeName === "deno"
  ? denoTest()
  : await bunTest();

function denoTest(): Declare {
  const leaks = new LeakCheck();
  Deno.test.beforeEach(() => leaks.start());
  Deno.test.afterEach(() => leaks.finish());
  return Deno.test;
}

async function bunTest(): Promise<Declare> {
  if (!("isLeakCheckLoaded" in globalThis)) {
    throw new Error(
      "tests/bun_preload.ts was not loaded: run `bun test` in the folder that has bunfig.toml",
    );
  }
  // Not a literal: Deno's type check would try to resolve the module.
  const name: string = "bun:test";
  return (await import(name) as { test: Declare }).test;
}

/** Creates a temporary folder. Disposing it removes the folder with its content. */
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

/** Sets variables of this process, or removes those that are `undefined`. Disposing restores them. */
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
