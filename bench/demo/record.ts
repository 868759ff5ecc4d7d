// The first half of `deno task demo`: runs commands, records them, prints the cassette, and
// starts the second half, replay.ts, in a process that may not run anything.

import {
  Command,
  isNotFound,
  JobRunner,
  RecordReplayRunner,
} from "../../mod.ts";
import { DEMO_COMMANDS, FALLBACK_COMMANDS } from "./commands.ts";

/** A recorded run, with which the second half compares its replay. */
export interface LiveRun {
  readonly ms: number;
  readonly result: unknown;
}

const folder = await Deno.makeTempDir({ prefix: "processkit-demo-" });
try {
  const cassette = `${folder}/cassette.json`;
  const live = `${folder}/live.json`;
  const commands = await isInstalled("git") ? "git" : "fallback";
  await Deno.writeTextFile(
    live,
    JSON.stringify(await record(commands, cassette)),
  );
  console.log(
    `Recorded (the demo removes this temporary file at its end):\n`,
  );
  console.log(await Deno.readTextFile(cassette));
  await replay(commands, cassette, live);
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function isInstalled(program: string): Promise<boolean> {
  try {
    return await new Command(program, ["--version"]).probe();
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

async function record(
  commands: "git" | "fallback",
  cassette: string,
): Promise<LiveRun[]> {
  await using live = new JobRunner();
  return await RecordReplayRunner.recording(cassette, live, async (runner) => {
    const runs = [];
    for (
      const command of commands === "git" ? DEMO_COMMANDS : FALLBACK_COMMANDS
    ) {
      const result = await runner.outputString(command);
      runs.push({ ms: result.duration(), result });
    }
    return runs;
  });
}

/** Starts the second half with permission to read files only. */
async function replay(
  commands: "git" | "fallback",
  cassette: string,
  live: string,
): Promise<void> {
  const script = new URL("replay.ts", import.meta.url).pathname;
  const words = [
    "run",
    "--quiet",
    "--no-prompt",
    "--allow-read",
    script,
    commands,
    cassette,
    live,
  ];
  const second = new Command(Deno.execPath(), words);
  console.log(
    `\nReplaying in another process: deno ${words.slice(0, 4).join(" ")} …\n`,
  );
  await second.stdout("inherit").stderr("inherit").checked();
}
