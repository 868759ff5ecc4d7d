import { checkOptions, pathText } from "../../command/checks.ts";
import { checkRunner } from "../../command/default_runner.ts";
import { JobRunner } from "../../runner/job_runner.ts";
import type { ProcessRunner } from "../../runner/process_runner.ts";
import { Cassette } from "../format/cassette.ts";
import { cassetteExists } from "../format/cassette_file.ts";
import type { CassetteEntry } from "../format/entry.ts";
import { DEFAULT_ADVICE, type RecordingAdvice } from "../matching/miss.ts";
import { Playback } from "../matching/playback.ts";
import { CassetteWriter } from "./cassette_writer.ts";
import {
  type CassetteMode,
  type CassetteOptions,
  checkedMode,
  OPEN_OPTIONS,
  type OpenOptions,
  OPTIONS,
} from "./options.ts";
import { type CassettePlan, checkedPlan } from "./plan.ts";

/** What a runner is made of. */
export interface CassetteSession<R> {
  readonly path: string;
  readonly mode: RunnerMode;
  readonly plan: CassettePlan;
  /** What is played, if anything is. */
  readonly playback: Playback | null;
  /** What is recorded, if anything is. */
  readonly writer: CassetteWriter | null;
  /** What runs the real thing; `null` where nothing does. */
  readonly inner: R | null;
  /** How to record again, for the message of a miss. */
  readonly advice: RecordingAdvice;
}

/** What a cassette's runner does, once it is known whether the file is there. */
export type RunnerMode = Exclude<CassetteMode, "auto">;

/** What plays, or records, the cassette at `path` as the mode says. */
export async function openSession<R extends ProcessRunner>(
  path: string | URL,
  options: OpenOptions<R>,
  advice: RecordingAdvice = DEFAULT_ADVICE,
): Promise<CassetteSession<R>> {
  const file = pathText("the cassette's path", path);
  checkOptions("a cassette's options", options, OPEN_OPTIONS);
  const plan = checkedPlan(options);
  const mode = await modeFor(file, options.mode);
  if (mode === "new-episodes" && plan.isStrict) {
    throw new TypeError(
      'order: "strict" cannot be had with mode: "new-episodes": what is new comes last in the file',
    );
  }
  // Who gives none has a runner of this kind.
  const inner = mode === "replay" ? null : checkedInner(options.inner) as R;
  const entries = await entriesFor(file, mode);
  const adds = mode === "new-episodes";
  return {
    path: file,
    mode,
    plan,
    playback: entries === null ? null : new Playback(entries, plan),
    writer: mode === "record" || adds
      ? new CassetteWriter(file, {
        guards: plan.guards,
        adds,
        known: entries?.length ?? 0,
      })
      : null,
    inner,
    advice,
  };
}

/** What records what `inner` runs; no file is looked at. */
export function recordingSession<R extends ProcessRunner>(
  path: string | URL,
  inner: R | undefined,
  options: CassetteOptions,
): CassetteSession<ProcessRunner> {
  const file = pathText("the cassette's path", path);
  checkOptions("a cassette's options", options, OPTIONS);
  const plan = checkedPlan(options);
  return {
    path: file,
    mode: "record",
    plan,
    playback: null,
    writer: new CassetteWriter(file, {
      guards: plan.guards,
      adds: false,
      known: 0,
    }),
    inner: checkedInner(inner),
    advice: DEFAULT_ADVICE,
  };
}

async function modeFor(path: string, mode: CassetteMode): Promise<RunnerMode> {
  const checked = checkedMode("mode", mode);
  if (checked !== "auto") return checked;
  return await cassetteExists(path) ? "replay" : "record";
}

/** What is played in a mode, or `null` if nothing is. */
async function entriesFor(
  path: string,
  mode: RunnerMode,
): Promise<readonly CassetteEntry[] | null> {
  if (mode !== "replay" && mode !== "new-episodes") return null;
  if (mode === "new-episodes" && !await cassetteExists(path)) return [];
  return (await Cassette.read(path)).entries;
}

function checkedInner(inner: unknown): ProcessRunner {
  return inner === undefined
    ? new JobRunner()
    : checkRunner("the inner runner", inner);
}
