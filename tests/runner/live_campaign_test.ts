import { Command, OutputTooLargeError } from "../../mod.ts";
import { failureOf } from "../commands.ts";
import { runtimeName, test } from "../harness.ts";
import { isFull } from "../size.ts";
import { assertInstanceOf, assertStringIncludes } from "../std.ts";

// Bun's strings end at 2 GiB, which take 8 s to read: they are for the full size alone.
if (runtimeName === "deno" || isFull) {
  test("text that is too long for one string is an error, and the child's output is read to its end", async () => {
    // Deno's strings end at 512 MiB.
    const megabytes = runtimeName === "deno" ? 540 : 2200;
    const error = await failureOf(
      new Command("head", ["-c", `${megabytes}000000`, "/dev/zero"])
        .outputString(),
    );
    assertInstanceOf(error, OutputTooLargeError);
    assertStringIncludes(error.message, `${megabytes}000000 bytes`);
  });
}
