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

/** An open cassette: its mode, its checked options, and what the mode needs. */
export interface CassetteSession<R> {
  readonly path: string;
  readonly mode: RunnerMode;
  readonly plan: CassettePlan;
  /** The entries to replay; `null` if the mode replays nothing. */
  readonly playback: Playback | null;
  /** The writer of recorded runs; `null` if the mode records nothing. */
  readonly writer: CassetteWriter | null;
  /** The runner that executes commands; `null` if the mode executes none. */
  readonly inner: R | null;
  /** How to record again, for the message of a miss. */
  readonly advice: RecordingAdvice;
}

/** The mode of an open cassette. Opening resolves `"auto"` to `"record"` or `"replay"`. */
export type RunnerMode = Exclude<CassetteMode, "auto">;

/**
 * Opens the cassette at `path` in the given mode.
 *
 * @throws {CassetteError} if the mode needs the file, and it cannot be read or is not a
 *   valid cassette
 * @throws {TypeError} if an option is invalid
 */
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
      'order: "strict" cannot be combined with mode: "new-episodes", which appends new runs to the end of the file',
    );
  }
  // Without the option `inner`, `R` is `JobRunner`.
  const inner = mode === "replay" ? null : checkedInner(options.inner) as R;
  const entries = await entriesFor(file, mode);
  const appends = mode === "new-episodes";
  return {
    path: file,
    mode,
    plan,
    playback: entries === null ? null : new Playback(entries, plan),
    writer: mode === "record" || appends
      ? new CassetteWriter(file, {
        guards: plan.guards,
        appends,
        existing: entries?.length ?? 0,
      })
      : null,
    inner,
    advice,
  };
}

/** Creates a session that records the runs of `inner`, without reading the file. */
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
      appends: false,
      existing: 0,
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

/** The entries to replay in a mode, or `null` if it replays nothing. */
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
