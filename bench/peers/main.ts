// Observes what this library, its peers and the runtimes themselves do, under Deno and
// under Bun, and prints it: the facts behind the comparison in README. Linux only.
//
//   deno run -A bench/peers/main.ts [PART OF A TITLE]
//
// Each observation is a process of its own (subject.ts). Figures in milliseconds depend
// on the machine; compare those of one run.

import { BUN, type RuntimeName } from "./asking.ts";
import {
  afterDeath,
  backpressure,
  deadline,
  double,
  exportedNames,
  heldPipe,
  lines,
  permissions,
  pipeline,
  template,
} from "./behaviour.ts";
import {
  dependencies,
  importCost,
  onNode,
  runCost,
  versionOf,
} from "./costs.ts";
import { isOn, LIBRARIES, MODULES } from "./libraries.ts";

const RUNTIMES = ["deno", "bun"] as const;

/** Options that are observed beside the defaults. */
const KILL_OPTIONS: Readonly<Record<string, readonly string[]>> = {
  execa: ["", "killDescendants: true"],
};

/** How a pipeline is written, where it is not `.pipe()`. */
const PIPES: Readonly<Record<string, readonly string[]>> = {
  dax: [".pipe()", "|"],
  zx: [".pipe()", "|"],
  "Bun.$": ["|"],
};

/** What an observation tells in a cell of a table. */
type Observe = (
  runtime: RuntimeName,
  library: string,
  option: string,
) => Promise<string>;

interface Table {
  readonly title: string;
  readonly observe: Observe;
  /** The libraries, if not all of them can be asked. */
  readonly libraries?: readonly string[];
  /** The options of each library that are observed; the defaults alone unless they are given. */
  readonly options?: (library: string) => readonly string[];
}

const packaged = Object.keys(MODULES);
const withLines = [...packaged, "Bun.$"];

const TABLES: readonly Table[] = [
  {
    title:
      "deadline: how a run with a deadline of 1.5 s settles, and what is left of its tree",
    libraries: Object.keys(LIBRARIES).filter((name) => name !== "Bun.$"),
    options: (library) => KILL_OPTIONS[library] ?? [""],
    observe: deadline,
  },
  {
    title:
      "held pipe: how a run settles whose child has exited, while a background process holds stdout",
    observe: heldPipe,
  },
  {
    title:
      "crash: what is left 3 s after the owner failed by an uncaught error",
    options: (library) => KILL_OPTIONS[library] ?? [""],
    observe: (...subject) => afterDeath("crash", ...subject),
  },
  {
    title: "SIGKILL: what is left 3 s after the owner was killed",
    options: (library) => KILL_OPTIONS[library] ?? [""],
    observe: (...subject) => afterDeath("wait", ...subject),
  },
  {
    title: "record, replay, supervision: exported names that sound like it",
    libraries: withLines,
    observe: exportedNames,
  },
  {
    title: "double: what `git status` prints in a test double",
    libraries: withLines,
    observe: double,
  },
  {
    title:
      "lines: when two lines come that are printed 600 ms after one another",
    observe: lines,
  },
  {
    title:
      "backpressure: what of 256 MB a child has printed 1.5 s after its reader paused, in 5 goes",
    observe: backpressure,
  },
  {
    title:
      "pipeline: what joins two stages; what comes of a first stage that exits with 3",
    libraries: withLines,
    options: (library) => PIPES[library] ?? [".pipe()"],
    observe: pipeline,
  },
  {
    title: "template: what `echo ~` prints as a template string",
    libraries: withLines,
    observe: template,
  },
  {
    title: "permissions: what Deno needs to be granted to run `sh`",
    libraries: [...packaged, "Deno.Command"],
    observe: permissions,
  },
  {
    title: "dependencies: packages, and all of their files",
    libraries: packaged,
    observe: dependencies,
  },
  {
    title:
      "import: how much longer a program takes that imports it (the fastest of 20)",
    libraries: packaged,
    observe: importCost,
  },
  {
    title: "node: whether it runs a program there",
    libraries: packaged.slice(1),
    observe: onNode,
  },
  {
    title: "run: how long /bin/true takes, captured (the fastest of 200)",
    observe: runCost,
  },
];

const [filter = ""] = Deno.args;
console.log(
  `${
    new Date().toISOString().slice(0, 10)
  }, ${Deno.build.target}, Deno ${Deno.version.deno}, Bun ${await bunVersion()}`,
);
for (const name of packaged.slice(1)) {
  console.log(`  ${name} ${await versionOf(name)}`);
}
for (const table of TABLES) {
  if (table.title.includes(filter)) await print(table);
}

async function print(table: Table): Promise<void> {
  const { title, observe, libraries = Object.keys(LIBRARIES) } = table;
  console.log(`\n${title}`);
  for (const library of libraries) {
    for (const option of table.options?.(library) ?? [""]) {
      for (const runtime of RUNTIMES) {
        if (!isOn(runtime, library)) continue;
        const cell = await observe(runtime, library, option);
        const name = option === "" ? library : `${library}, ${option}`;
        console.log(`  ${name.padEnd(28)} ${runtime.padEnd(5)} ${cell}`);
      }
    }
  }
}

async function bunVersion(): Promise<string> {
  const { stdout } = await new Deno.Command(BUN, { args: ["--version"] })
    .output();
  return new TextDecoder().decode(stdout).trim();
}
