import { readdir } from "node:fs/promises";
import { ROOT } from "../runtimes.ts";
import { join } from "../std.ts";
import { declareExamples } from "./examples.ts";

const pages = (await readdir(join(ROOT, "docs")).catch(() => []))
  .filter((name) => name.endsWith(".md")).sort().map((name) => `docs/${name}`);
await declareExamples(["README.md", ...pages]);
