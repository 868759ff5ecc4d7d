// Measures the cost of the watcher, and how long it takes to kill a thousand processes.

import { Command, ProcessGroup } from "../mod.ts";
import { WatcherRef } from "../src/containment/watcher.ts";
import { runtime } from "../src/runtime/detect.ts";
import {
  duration,
  medians,
  printHead,
  printRow,
  type Trial,
} from "./measure.ts";

const host = runtime();
const PROCESSES = 1000;
/** A process ID that no process has. */
const UNUSED_PID = 2 ** 30;

/** Starts the watcher and announces a run: all that the first run waits for. */
const first: Trial = async () => {
  const watcher = new WatcherRef(host);
  const time = await duration(() => void watcher.watch(`g ${UNUSED_PID}`));
  watcher.forget(`g ${UNUSED_PID}`);
  await watcher.release();
  return time;
};

const shared = new WatcherRef(host);
shared.start();

/** Announces a run. A child is not watched before its announcement is written. */
const announced: Trial = () => {
  const time = duration(() => void shared.watch(`g ${UNUSED_PID}`));
  shared.forget(`g ${UNUSED_PID}`);
  return afterPause(time);
};

/** Announces a run and withdraws it. */
const next: Trial = () =>
  afterPause(duration(() => {
    shared.watch(`g ${UNUSED_PID}`);
    shared.forget(`g ${UNUSED_PID}`);
  }));

printHead("the watcher", "", "cost");
const cost = await medians({ next, announced }, { warmUp: 50, measured: 500 });
await shared.release();
const start = await medians({ first }, { warmUp: 5, measured: 50 });
printRow({ name: "the first run", ours: start.first, target: "≤ 1 ms" });
printRow({ name: "each next one", ours: cost.next, target: "≤ 0.05 ms" });
printRow({ name: "of which the announcement", ours: cost.announced });

for (const containment of ["process-group", "cgroup"] as const) {
  await using group = await ProcessGroup.create({ containment });
  const kill: Trial = async () => {
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
  printHead(`killAll of ${PROCESSES}, until none is left`, "", "time");
  printRow({ name: containment, ours: killed, target: "≤ 250 ms" });
}

/** Returns a measured time after a pause, since real runs do not follow each other at once either. */
async function afterPause(time: Promise<number>): Promise<number> {
  const result = await time;
  await pause(1);
  return result;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
