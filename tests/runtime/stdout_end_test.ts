// The end of a child's stdout pipe that Deno holds and does not expose.

import { closeSync, readFileSync, readlinkSync } from "node:fs";
import { Command } from "../../mod.ts";
import { specOf } from "../../src/command/command.ts";
import { runtime } from "../../src/runtime/detect.ts";
import type { Child, PipeEnd } from "../../src/runtime/runtime.ts";
import { eventually, runtimeName, test } from "../harness.ts";
import { sized } from "../size.ts";
import { assert, assertEquals } from "../std.ts";

test("a child's stdout is given away although the child has redirected it meanwhile", async () => {
  // Bun gives children sockets, which cannot be given away, and makes pipes beforehand.
  if (runtimeName !== "deno") return;
  for (const stdin of ["null", "piped"] as const) {
    for (const stderr of ["null", "piped"] as const) {
      // The first stdout of the child is its descriptor 3 soon after. Where that happens
      // before the child is looked at, it is not clear which pipe is its stdout.
      const spec = specOf(
        new Command("sh", ["-c", "exec 3>&1 1>&2; sleep 0.3; echo data >&3"]),
      );
      let child: Child;
      let end: PipeEnd | null;
      let attempts = 0;
      do {
        assert(attempts++ < 1000, "the end is never clear");
        child = runtime().spawn({
          ...spec,
          ...{ stdin, stdout: "piped", stderr },
          ...{ ownGroup: true, releasesStdout: true },
        });
        // Without a turn of the event loop, so that Deno has read nothing.
        while (
          targetOf(child.pid, 1) !== "" &&
          !targetOf(child.pid, 3).startsWith("pipe:")
        ) { /* the child goes on, unless it has exited by now */ }
        end = child.releaseStdout();
        if (end === null) await leave(child);
      } while (end === null);
      await leave(child);
      assertEquals(readFileSync(end.descriptor, "utf8"), "data\n");
      closeSync(end.descriptor);
    }
  }
});

/** What a descriptor of a process refers to; "" if the process has no such descriptor. */
function targetOf(pid: number, descriptor: number): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return "";
  }
}

/** Waits until a child has exited, and closes its streams. */
async function leave({ stdin, stdout, stderr, status }: Child): Promise<void> {
  await stdin?.close();
  if (stdout?.locked === false) await stdout.cancel();
  await stderr?.cancel();
  await status;
}

test("pipelines are joined right while a worker starts programs", async () => {
  const worker = new Worker(
    new URL("../fixtures/spawning_worker.ts", import.meta.url),
    { type: "module" },
  );
  let started = 0;
  const stopped = Promise.withResolvers<void>();
  worker.onmessage = ({ data }) => {
    if (data === "stopped") stopped.resolve();
    else started = data;
  };
  await eventually("the worker starts programs", () => started > 0);
  const before = started;
  const [turns, starts] = sized([30, 20], [150, 101]);
  for (let turn = 0; turn < turns || started - before < starts; turn++) {
    assert(turn < 100 * turns, `the worker has started ${started}`);
    const chain = new Command("echo", [`${turn}`]).stderr("null")
      .pipe(new Command("cat"));
    assertEquals(await chain.timeout(60_000).run(), `${turn}`);
  }
  worker.postMessage("stop");
  await stopped.promise;
  worker.terminate();
});
