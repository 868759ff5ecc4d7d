// What a library costs, and where it runs, in words for a cell of a table.

import { readdir, readFile, stat } from "node:fs/promises";
import { duration } from "../measure.ts";
import { ask, BUN, ROOT, type RuntimeName } from "./asking.ts";
import { fastest } from "./fastest.ts";
import { MODULES } from "./libraries.ts";

const importCosts: Partial<Record<RuntimeName, Record<string, number>>> = {};

const runCosts: Partial<Record<RuntimeName, Record<string, number>>> = {};

/** What each library runs on Node.js. */
const ON_NODE: Readonly<Record<string, string>> = {
  execa:
    'import { execa } from "execa"; console.log((await execa("echo", ["ran"])).stdout)',
  dax: 'import $ from "dax"; console.log(await $`echo ran`.text())',
  zx: 'import { $ } from "zx"; console.log((await $`echo ran`).stdout)',
  tinyexec:
    'import { x } from "tinyexec"; console.log((await x("echo", ["ran"])).stdout)',
};

/** How many packages come with one, and how large the files of all of them are. */
export async function dependencies(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  if (runtime === "bun") return "(the same)";
  const packages = new Set<string>();
  const add = async (modules: string, folder: string) => {
    const { dependencies = {} } = await packageOf(folder);
    for (const name of Object.keys(dependencies)) {
      const found = await Deno.realPath(`${modules}/${name}`);
      if (packages.has(found)) continue;
      packages.add(found);
      await add(found.replace(/(.*\/node_modules)\/.*/, "$1"), found);
    }
  };
  let size = 0;
  if (library === "processkit") {
    await add(`${ROOT}node_modules`, ROOT);
    size += await sizeOf(`${ROOT}src`);
  } else {
    const folder = folderOf(library);
    await add(folder.replace(/(.*\/node_modules)\/.*/, "$1"), folder);
    size += await sizeOf(folder);
  }
  for (const folder of packages) size += await sizeOf(folder);
  return `${packages.size} packages, ${(size / 2 ** 20).toFixed(1)} MB in all`;
}

export async function importCost(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  const run = (name: string) => async () => {
    const code = name === "" ? "" : `import ${JSON.stringify(MODULES[name])}`;
    const [program, args] = runtime === "deno"
      ? [Deno.execPath(), ["eval", "--quiet", "--no-check", code]]
      : [BUN, ["-e", code]] as const;
    await new Deno.Command(program, { args: [...args], cwd: ROOT }).output();
  };
  importCosts[runtime] ??= await fastest(
    Object.fromEntries(
      ["", ...Object.keys(MODULES)].map((
        name,
      ) => [name, () => duration(run(name))]),
    ),
    20,
  );
  const costs = importCosts[runtime]!;
  return `${(costs[library] - costs[""]).toFixed(0)} ms`;
}

export async function runCost(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  runCosts[runtime] ??= await ask({
    runtime,
    library: "processkit",
    observation: "costs",
  }) as Record<string, number>;
  return `${runCosts[runtime][library].toFixed(2)} ms`;
}

export async function onNode(
  runtime: RuntimeName,
  library: string,
): Promise<string> {
  if (runtime === "bun") return "(not Node.js)";
  const node = (...args: string[]) =>
    new Deno.Command("node", { args, cwd: ROOT }).output();
  const decoder = new TextDecoder();
  const version = decoder.decode((await node("--version")).stdout).trim();
  const code = ON_NODE[library];
  const { stdout, stderr } = await node("--input-type=module", "-e", code);
  return decoder.decode(stdout).trim() === "ran"
    ? `runs on ${version}`
    : `${version}: ${/^.*Error.*$/m.exec(decoder.decode(stderr))?.[0]}`;
}

/** The version of a peer. */
export async function versionOf(library: string): Promise<string> {
  return (await packageOf(folderOf(library))).version;
}

function folderOf(library: string): string {
  return Deno.realPathSync(`${ROOT}node_modules/${library}`);
}

async function packageOf(
  folder: string,
): Promise<{ version: string; dependencies?: Record<string, string> }> {
  return JSON.parse(await readFile(`${folder}/package.json`, "utf8"));
}

async function sizeOf(folder: string): Promise<number> {
  let size = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) size += await sizeOf(path);
    else if (entry.isFile()) size += (await stat(path)).size;
  }
  return size;
}
