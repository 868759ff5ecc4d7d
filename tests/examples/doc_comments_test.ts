import { readdir } from "node:fs/promises";
import { ROOT } from "../runtimes.ts";
import { join } from "../std.ts";
import { declareExamples } from "./examples.ts";

const names = await readdir(join(ROOT, "src"), { recursive: true });
const sources = names.filter((name) => name.endsWith(".ts")).sort()
  .map((name) => `src/${name}`);
await declareExamples(["mod.ts", ...sources]);
