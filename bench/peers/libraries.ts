// The libraries that are compared, each asked for the same things in its own words. A
// library is imported when it is asked for, so that a process loads no other.

/** A program and its arguments. */
export type Words = readonly [string, ...string[]];

/** One way to run a program with a library: with its defaults, or with an option. */
export interface Way {
  /** The option; empty for the defaults. */
  readonly option: string;
  /** Whether it takes a deadline. */
  readonly hasDeadline: boolean;
  /** Runs a program to its end and returns its stdout. */
  capture(words: Words, deadline?: number): Promise<string>;
}

/** What is asked of a library; what it does not have is left out. */
export interface Library {
  readonly ways: readonly Way[];
  /** The names that it exports. */
  readonly exports: readonly string[];
  /** Lines of stdout, to be read one by one; pieces of it, if the library has no lines. */
  lines?(words: Words): AsyncIterable<unknown>;
  /** Run two programs, of which the second reads what the first prints; by how it is written. */
  readonly pipelines?: Readonly<
    Record<string, (first: Words, second: Words) => Promise<unknown>>
  >;
  /** Runs `echo ~` as a template string. */
  template?(): Promise<string>;
  /** Runs `git status` with a double that prints "double". */
  double?(): Promise<string>;
}

/** What is compared, by name. */
export const LIBRARIES: Readonly<Record<string, () => Promise<Library>>> = {
  processkit,
  execa,
  dax,
  zx,
  tinyexec,
  "Bun.$": bunShell,
  "Deno.Command": denoCommand,
  "Bun.spawn": bunSpawn,
};

/** What to import for each library that is no part of a runtime, from the root of the repository. */
export const MODULES: Readonly<Record<string, string>> = {
  processkit: "./mod.ts",
  execa: "execa",
  dax: "dax",
  zx: "zx",
  tinyexec: "tinyexec",
};

/** What is used of Bun's global. */
interface BunGlobal {
  spawn(
    words: readonly string[],
    options: { stdin?: ReadableStream; stdout: "pipe"; timeout?: number },
  ): { stdout: ReadableStream & { text(): Promise<string> } };
  $(pieces: TemplateStringsArray, ...values: unknown[]): {
    text(): Promise<string>;
    lines(): AsyncIterable<string>;
  };
}
const { Bun } = globalThis as unknown as { Bun: BunGlobal };

async function processkit(): Promise<Library> {
  const library = await import("../../mod.ts");
  const { Command, Reply, ScriptedRunner } = library;
  const commandOf = ([program, ...args]: Words) => new Command(program, args);
  return {
    exports: Object.keys(library),
    ways: [{
      option: "",
      hasDeadline: true,
      capture: (words, deadline) =>
        deadline === undefined
          ? commandOf(words).run()
          : commandOf(words).timeout(deadline).run(),
    }],
    async *lines(words) {
      await using child = await commandOf(words).start();
      yield* child.stdoutLines();
    },
    pipelines: {
      ".pipe()": (first, second) =>
        commandOf(first).pipe(commandOf(second)).run(),
    },
    double: () =>
      new ScriptedRunner().on(["git", "status"], Reply.ok("double"))
        .run(new Command("git", ["status"])),
  };
}

async function execa(): Promise<Library> {
  const library = await import("execa");
  const { execa } = library;
  const way = (
    option: string,
    options: { killDescendants?: boolean },
  ): Way => ({
    option,
    hasDeadline: true,
    capture: async ([program, ...args], timeout) =>
      (await execa(program, args, { ...options, timeout })).stdout,
  });
  return {
    exports: Object.keys(library),
    ways: [
      way("", {}),
      way("killDescendants: true", { killDescendants: true }),
    ],
    lines: ([program, ...args]) => execa(program, args),
    template: async () => (await execa`echo ~`).stdout,
    pipelines: {
      ".pipe()": ([program, ...args], [next, ...rest]) =>
        execa(program, args).pipe(next, rest),
    },
  };
}

async function dax(): Promise<Library> {
  const library = await import("dax");
  const { CommandBuilder, default: $ } = library;
  return {
    exports: [...Object.keys(library), ...Object.keys($)],
    ways: [{
      option: "",
      hasDeadline: true,
      capture: (words, deadline) => {
        const command = $`${words}`.quiet();
        return (deadline === undefined ? command : command.timeout(deadline))
          .text();
      },
    }],
    lines: (words) => $`${words}`.linesIter(),
    template: () => $`echo ~`.text(),
    pipelines: {
      ".pipe()": (first, second) => $`${first}`.pipe($`${second}`).text(),
      "|": (first, second) => $`${first} | ${second}`.text(),
    },
    double: () =>
      new CommandBuilder().registerCommand("git", async ({ stdout }) => {
        await stdout.writeLine("double");
        return { code: 0 };
      }).command("git status").text(),
  };
}

async function zx(): Promise<Library> {
  const library = await import("zx");
  const { EventEmitter } = await import("node:events");
  const { PassThrough } = await import("node:stream");
  const $ = library.$({ quiet: true });
  return {
    exports: Object.keys(library),
    ways: [{
      option: "",
      hasDeadline: true,
      capture: async (words, deadline) =>
        (await (deadline === undefined
          ? $`${words}`
          : $`${words}`.timeout(deadline))).stdout,
    }],
    lines: (words) => $`${words}`,
    template: () => $`echo ~`.text(),
    pipelines: {
      ".pipe()": (first, second) => $`${first}`.pipe($`${second}`),
      "|": (first, second) => $`${first} | ${second}`,
    },
    double: async () => {
      const spawn = () => {
        const child = Object.assign(new EventEmitter(), {
          pid: 1,
          stdin: new PassThrough(),
          stdout: new PassThrough(),
          stderr: new PassThrough(),
        });
        setTimeout(() => {
          child.stdout.end("double");
          child.stderr.end();
          child.emit("exit", 0, null);
          child.emit("close", 0, null);
        }, 10);
        return child;
      };
      return (await $({ spawn: spawn as never })`git status`).stdout;
    },
  };
}

async function tinyexec(): Promise<Library> {
  const library = await import("tinyexec");
  const { x } = library;
  return {
    exports: Object.keys(library),
    ways: [{
      option: "",
      hasDeadline: true,
      capture: async ([program, ...args], timeout) =>
        (await x(program, args, { timeout, throwOnError: true })).stdout,
    }],
    lines: ([program, ...args]) => x(program, args),
    pipelines: {
      ".pipe()": async ([program, ...args], [next, ...rest]) => {
        const options = { throwOnError: true };
        return await x(program, args, options).pipe(next, rest, options);
      },
    },
  };
}

// deno-lint-ignore require-await -- the others import something
async function bunShell(): Promise<Library> {
  const { $ } = Bun;
  return {
    exports: Object.keys($),
    ways: [{
      option: "",
      hasDeadline: false,
      capture: (words) => $`${words}`.text(),
    }],
    lines: (words) => $`${words}`.lines(),
    template: () => $`echo ~`.text(),
    pipelines: {
      "|": (first, second) => $`${first} | ${second}`.text(),
    },
  };
}

// deno-lint-ignore require-await -- the others import something
async function denoCommand(): Promise<Library> {
  return {
    exports: [],
    ways: [{
      option: "",
      hasDeadline: true,
      capture: async ([program, ...args], deadline) => {
        const { stdout } = await new Deno.Command(program, {
          args,
          signal: deadline === undefined
            ? undefined
            : AbortSignal.timeout(deadline),
        }).output();
        return new TextDecoder().decode(stdout);
      },
    }],
    lines: ([program, ...args]) =>
      new Deno.Command(program, { args, stdout: "piped" }).spawn().stdout,
  };
}

// deno-lint-ignore require-await -- the others import something
async function bunSpawn(): Promise<Library> {
  return {
    exports: [],
    ways: [{
      option: "",
      hasDeadline: true,
      capture: (words, timeout) =>
        Bun.spawn(words, { stdout: "pipe", timeout }).stdout.text(),
    }],
    lines: (words) => Bun.spawn(words, { stdout: "pipe" }).stdout,
  };
}

/** The runtime that this process runs on. */
export const runtimeName: "deno" | "bun" = "Bun" in globalThis ? "bun" : "deno";

/** Whether a library can be had on a runtime at all. */
export function isOn(runtime: "deno" | "bun", library: string): boolean {
  if (library.startsWith("Bun.")) return runtime === "bun";
  if (library.startsWith("Deno.")) return runtime === "deno";
  return true;
}
