import { closeSync, readFileSync } from "node:fs";
import { Command } from "../../mod.ts";
import { specOf } from "../../src/command/command.ts";
import { runtime } from "../../src/runtime/detect.ts";
import { runtimeName, test } from "../harness.ts";
import { assert, assertEquals } from "../std.ts";

test("the end of a child's stdout is given away, whatever the child has made of it by then", async () => {
  // Bun gives children sockets, which cannot be given on: it has pipes made for them.
  if (runtimeName !== "deno") return;
  for (const stdin of ["null", "piped"] as const) {
    for (const stderr of ["null", "piped"] as const) {
      // What is its stdout for a start is its stderr soon after, and for a long time.
      const spec = specOf(
        new Command("sh", ["-c", "exec 3>&1 1>&2; sleep 0.3; echo data >&3"]),
      );
      const child = runtime().spawn({
        ...spec,
        ...{ stdin, stdout: "piped", stderr },
        ...{ ownGroup: true, givesStdoutAway: true },
      });
      // A moment in which nothing is done here, and the child goes on.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      const end = child.giveStdoutAway();
      assert(end !== null);
      await child.stdin?.close();
      await child.stderr?.cancel();
      await child.status;
      assertEquals(readFileSync(end.descriptor, "utf8"), "data\n");
      closeSync(end.descriptor);
    }
  }
});
