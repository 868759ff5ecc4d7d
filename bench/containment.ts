// What it costs to have a watcher, and how long it takes to end a thousand processes.

import { Command, ProcessGroup } from "../mod.ts";
import { WatcherRef } from "../src/containment/watcher.ts";
import { runtime } from "../src/runtime/detect.ts";
import { duration, type Go, medians, printHead, printRow } from "./measure.ts";

const host = runtime();
const PROCESSES = 1000;
const NOBODY = 2 ** 30;

/** The watcher is started and told of the first run: all that a first run waits for. */
const first: Go = async () => {
  const share = new WatcherRef(host);
  const time = await duration(() => void share.watch(`g ${NOBODY}`));
  share.unwatch(`g ${NOBODY}`);
  await share.release();
  return time;
};

const held = new WatcherRef(host);
held.start();

/** A run is announced as soon as its number is known: for as long as this takes it is not watched. */
const announced: Go = () => {
  const time = duration(() => void held.watch(`g ${NOBODY}`));
  held.unwatch(`g ${NOBODY}`);
  return later(time);
};

/** A run is announced, and that is taken back. */
const next: Go = () =>
  later(duration(() => {
    held.watch(`g ${NOBODY}`);
    held.unwatch(`g ${NOBODY}`);
  }));

printHead("the watcher", "", "cost");
const cost = await medians({ next, announced }, { warmUp: 50, measured: 500 });
await held.release();
const start = await medians({ first }, { warmUp: 5, measured: 50 });
printRow({ name: "the first run", ours: start.first, target: "≤ 1 ms" });
printRow({ name: "each next one", ours: cost.next, target: "≤ 0.05 ms" });
printRow({ name: "of which the announcement", ours: cost.announced });

for (const containment of ["process-group", "cgroup"] as const) {
  await using group = await ProcessGroup.create({ containment });
  const kill: Go = async () => {
    const script =
      `n=${PROCESSES}; while [ $n -gt 0 ]; do sleep 1000 & n=$((n - 1)); done; wait`;
    const running = group.outputString(new Command("sh", ["-c", script]));
    while ((await group.members()).length <= PROCESSES) await pause(20);
    const time = await duration(async () => {
      group.killAll();
      while ((await group.members()).length > 0) await pause(1);
    });
    await running;
    return time;
  };
  const { killed } = await medians({ killed: kill }, {
    warmUp: 1,
    measured: 5,
  });
  printHead(`killAll of ${PROCESSES}, until nobody is there`, "", "time");
  printRow({ name: containment, ours: killed, target: "≤ 250 ms" });
}

/** What is resolved a little later than the time was taken: a run does not follow at once either. */
async function later(time: Promise<number>): Promise<number> {
  const result = await time;
  await pause(1);
  return result;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
