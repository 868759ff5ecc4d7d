// The second half of `deno task demo`: replays the cassette of the first half and the
// committed one, in a process without --allow-run.

import { GIT_CASSETTE, GIT_COMMANDS } from "../../cassettes/git.ts";
import { Command, RecordReplayRunner } from "../../mod.ts";
import { DEMO_COMMANDS, FALLBACK_COMMANDS } from "./commands.ts";
import type { LiveRun } from "./record.ts";

const [commands, cassette, live] = Deno.args;
const runs: LiveRun[] = JSON.parse(await Deno.readTextFile(live));
const isGranted =
  Deno.permissions.querySync({ name: "run" }).state === "granted";
const replayer = await RecordReplayRunner.replay(cassette);

console.log(
  `--allow-run is ${
    isGranted ? "granted" : "not granted"
  } here, and a live run ${await refusal()}\n`,
);
console.log("  live ms  replay ms  identical  command");
let identical = true;
for (
  const [index, command]
    of (commands === "git" ? DEMO_COMMANDS : FALLBACK_COMMANDS).entries()
) {
  const { ms, result } = await replay(replayer, command);
  const same = JSON.stringify(result) === JSON.stringify(runs[index].result);
  identical &&= same;
  const columns = [
    runs[index].ms.toFixed(2).padStart(9),
    ms.toFixed(3).padStart(9),
    (same ? "yes" : "no").padStart(9),
  ];
  console.log(`${columns.join("  ")}  ${command.commandLine()}`);
}

const committed = await RecordReplayRunner.replay(GIT_CASSETTE);
console.log("\nFrom the committed cassettes/git.json:\n");
console.log("replay ms  outcome    command");
for (const command of Object.values(GIT_COMMANDS)) {
  const { ms, result } = await replay(committed, command);
  console.log(
    `${ms.toFixed(3).padStart(9)}  ${
      `code ${result.code}`.padEnd(9)
    }  ${command.commandLine()}`,
  );
}
if (!identical || isGranted) Deno.exit(1);

async function replay(from: RecordReplayRunner, command: Command) {
  const started = performance.now();
  const result = await from.outputString(command);
  return { ms: performance.now() - started, result };
}

/** Tries to run a program, and describes what happens. */
async function refusal(): Promise<string> {
  try {
    await new Command(Deno.execPath(), ["--version"]).run();
    return "succeeds";
  } catch (error) {
    return `ends in ${error instanceof Error ? error.name : error}`;
  }
}
