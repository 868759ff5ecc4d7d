import { closeSync, readFileSync } from "node:fs";
import { Command } from "../../mod.ts";
import { specOf } from "../../src/command/command.ts";
import { runtime } from "../../src/runtime/detect.ts";
import type { Child, PipeEnd } from "../../src/runtime/runtime.ts";
import { runtimeName, test } from "../harness.ts";
import { assert, assertEquals } from "../std.ts";

test("the end of a child's stdout is given away, whatever the child has made of it by then", async () => {
  // Bun gives children sockets, which cannot be given on: it has pipes made for them.
  if (runtimeName !== "deno") return;
  for (const stdin of ["null", "piped"] as const) {
    for (const stderr of ["null", "piped"] as const) {
      // What is its stdout for a start is its stderr soon after, and for a long time:
      // where that comes very soon, it is not clear what is what.
      const spec = specOf(
        new Command("sh", ["-c", "exec 3>&1 1>&2; sleep 0.3; echo data >&3"]),
      );
      let child: Child;
      let end: PipeEnd | null;
      do {
        child = runtime().spawn({
          ...spec,
          ...{ stdin, stdout: "piped", stderr },
          ...{ ownGroup: true, releasesStdout: true },
        });
        // A moment in which nothing is done here, and the child goes on.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
        end = child.releaseStdout();
        if (end === null) await leave(child);
      } while (end === null);
      await leave(child);
      assertEquals(readFileSync(end.descriptor, "utf8"), "data\n");
      closeSync(end.descriptor);
    }
  }
});

/** Waits for the end of a child whose output is of no interest here. */
async function leave({ stdin, stdout, stderr, status }: Child): Promise<void> {
  await stdin?.close();
  if (stdout?.locked === false) await stdout.cancel();
  await stderr?.cancel();
  await status;
}

test("pipelines are not mixed up with what a worker starts meanwhile", async () => {
  const worker = new Worker(
    new URL("../fixtures/spawning_worker.ts", import.meta.url),
    { type: "module" },
  );
  const messages: ((started: number) => void)[] = [];
  worker.onmessage = ({ data }) => messages.shift()!(data);
  const answer = () => new Promise<number>((resolve) => messages.push(resolve));
  await answer();
  for (let turn = 0; turn < 150; turn++) {
    const chain = new Command("echo", [`${turn}`]).stderr("null")
      .pipe(new Command("cat"));
    assertEquals(await chain.timeout(60_000).run(), `${turn}`);
  }
  const last = answer();
  worker.postMessage("stop");
  assert(await last > 100);
  worker.terminate();
});
