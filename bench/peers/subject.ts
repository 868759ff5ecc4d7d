// One observation of one library, in a process of its own, printed as a line of JSON:
// subject.ts LIBRARY WAY OBSERVATION [MARKER]. main.ts starts it.

import { readFile } from "node:fs/promises";
import process from "node:process";
import { duration, type Trial } from "../measure.ts";
import { fastest } from "./fastest.ts";
import {
  isOn,
  LIBRARIES,
  type Library,
  runtimeName,
  type Way,
} from "./libraries.ts";
import { pidOf, runningParts, tree } from "./processes.ts";

const [name, option, observation, marker = ""] = process.argv.slice(2);

const OBSERVATIONS: Readonly<
  Record<string, (library: Library, way: Way) => unknown>
> = {
  run: (_, { capture }) => capture(["sh", "-c", "echo ran"]),
  exports: (library) => library.exports,
  deadline,
  "held pipe": (_, { capture }) =>
    settling(() => capture(["sh", "-c", `sleep ${marker}0 & echo printed`])),
  template: ({ template }) => template?.() ?? null,
  crash,
  wait: (_, { capture }) => capture(tree(marker)),
  lines,
  backpressure,
  pipeline,
  "first stage fails": ({ pipelines }) =>
    settling(() => pipelines![option](["sh", "-c", "exit 3"], ["/bin/cat"])),
  double: ({ double }) => double === undefined ? null : settling(double),
  costs,
};

const library = await LIBRARIES[name]();
const way = library.ways.find((way) => way.option === option) ??
  library.ways[0];
const fact = OBSERVATIONS[observation](library, way);
// A pending await of a module keeps Bun alive after an uncaught error.
if (observation !== "crash") {
  console.log(JSON.stringify(await fact));
  process.exit(0);
}

/** How an action settles, and after how many milliseconds; `null` if it does not within 5 seconds. */
async function settling(
  action: () => Promise<unknown>,
): Promise<{ ms: number | null; value?: unknown; error?: string }> {
  let timer: ReturnType<typeof setTimeout>;
  const start = performance.now();
  const taken = () => Math.round(performance.now() - start);
  return await Promise.race([
    action().then(
      (value) => ({ ms: taken(), value }),
      (error) => ({ ms: taken(), error: String(error) }),
    ),
    new Promise<{ ms: null }>((resolve) => {
      timer = setTimeout(() => resolve({ ms: null }), 5000);
    }),
  ]).finally(() => clearTimeout(timer));
}

/** How a run of the tree with a deadline of 1.5 s settles, and what it leaves. */
async function deadline(_: Library, { capture }: Way): Promise<unknown> {
  const settled = await settling(() => capture(tree(marker), 1500));
  await new Promise((resolve) => setTimeout(resolve, 200));
  const left = await runningParts(marker);
  return { ...settled, left: left.map(({ part }) => part) };
}

/** Starts the tree and fails by an uncaught error once all of it is there. */
function crash(_: Library, { capture }: Way): void {
  capture(tree(marker)).catch(() => {});
  const timer = setInterval(async () => {
    if ((await runningParts(marker)).length < 3) return;
    clearInterval(timer);
    setTimeout(() => {
      throw new Error("a crash");
    });
  }, 50);
}

/** When the first of two lines comes that are printed 600 ms after one another. */
async function lines({ lines }: Library): Promise<unknown> {
  const start = performance.now();
  const times: number[] = [];
  for await (const _ of lines!(["sh", "-c", "echo one; sleep 0.6; echo two"])) {
    times.push(Math.round(performance.now() - start));
  }
  return times;
}

/** How many MB of a file (the marker) the child has printed 1.5 s after its reader took a line and paused. */
function backpressure({ lines }: Library): Promise<number | "all"> {
  return new Promise((resolve, reject) => {
    const read = async () => {
      for await (const _ of lines!(["/bin/cat", marker])) {
        await new Promise((resolve) => setTimeout(resolve, 1500));
        const pid = await pidOf("cat", marker);
        if (pid === undefined) return resolve("all");
        const io = await readFile(`/proc/${pid}/io`, "utf8");
        resolve(Math.round(Number(/wchar: (\d+)/.exec(io)![1]) / 2 ** 20));
        // Leaving the loop is another matter: this process exits now.
        await new Promise(() => {});
      }
      throw new Error("no line came");
    };
    read().catch(reject);
  });
}

/** Two stages: the first prints a line once a file is there, and the second writes the line to another (the marker). */
function pipeline({ pipelines }: Library): Promise<unknown> {
  return pipelines![option](
    [
      "sh",
      "-c",
      'until test -e "$0"; do sleep 0.1; done; echo through',
      `${marker}0`,
    ],
    ["sh", "-c", 'read line; echo "$line" >"$1"', "sh", marker],
  );
}

/** For each library of this runtime, what a run costs, in milliseconds. */
async function costs(): Promise<unknown> {
  const goes: Record<string, Trial> = {};
  for (const [name, load] of Object.entries(LIBRARIES)) {
    if (!isOn(runtimeName, name)) continue;
    const { ways: [{ capture }] } = await load();
    goes[name] = () => duration(() => capture(["/bin/true"]));
  }
  return await fastest(goes, 200);
}
