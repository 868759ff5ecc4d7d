import { Command, specOf, withoutListeners } from "../../command/command.ts";
import type { CommandSpec } from "../../command/spec.ts";
import { isProcessKitError } from "../../outcome/any_error.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import { messageOf } from "../../outcome/message_text.ts";
import { describeOutcome } from "../../outcome/outcome.ts";
import type { ProcessRunner } from "../../runner/process_runner.ts";
import { type CassetteEntry, outcomeOf } from "../format/entry.ts";
import { matchFactsFor } from "../matching/key.ts";
import { commandLineOf } from "../matching/miss.ts";
import type { FieldTransform } from "../transform/field_transform.ts";
import { capturedRunOf } from "./captured_run.ts";
import type { CassettePlan } from "./plan.ts";
import { entryOf } from "./recorded_entry.ts";

/** A recorded run whose result is another one now. */
export interface ChangedRun {
  /** Which entry of the cassette it is. */
  readonly index: number;
  /** What was recorded. */
  readonly recorded: CassetteEntry;
  /** What would be recorded now; `null` if it cannot be run any more. */
  readonly now: CassetteEntry | null;
  /** What changed, for people: how it ended, and a unified diff of each output that changed. */
  readonly diff: string;
}

/** A recorded run that was not run again. */
export interface SkippedRun {
  /** Which entry of the cassette it is. */
  readonly index: number;
  /** What was recorded. */
  readonly recorded: CassetteEntry;
  /** Why not. */
  readonly reason: string;
}

/** What became of the runs of a cassette; as a string, a report for people. */
export class CheckReport {
  /** How many runs are as they were. */
  readonly unchanged: number;
  /** Those that are not. */
  readonly changed: readonly ChangedRun[];
  /** Those that were not run again. */
  readonly skipped: readonly SkippedRun[];
  readonly #path: string;

  /** Makes a report; only a runner needs to. */
  constructor(
    path: string,
    unchanged: number,
    changed: readonly ChangedRun[],
    skipped: readonly SkippedRun[],
  ) {
    this.#path = path;
    this.unchanged = unchanged;
    this.changed = changed;
    this.skipped = skipped;
    Object.freeze(this);
  }

  /** The report as text, with the diffs. */
  toString(): string {
    const { unchanged, changed, skipped } = this;
    return [
      `${this.#path}: ${unchanged} unchanged, ${changed.length} changed, ${skipped.length} skipped`,
      ...changed.map(({ index, recorded, diff }) =>
        `\nchanged: entries[${index}] \`${commandLineOf(recorded)}\`\n${diff}`
      ),
      ...skipped.map(({ index, recorded, reason }) =>
        `\nskipped: entries[${index}] \`${commandLineOf(recorded)}\`: ${reason}`
      ),
    ].join("\n");
  }
}

/** What is checked. */
export interface DriftCheck {
  readonly path: string;
  readonly plan: CassettePlan;
  readonly entries: readonly CassetteEntry[];
  /** The commands that are known in full, by the index of their entry. */
  readonly commands: ReadonlyMap<number, Command>;
}

/** Runs the commands of a playback again, one after another. */
export async function checkDrift(
  playback: DriftCheck,
  runner: ProcessRunner,
): Promise<CheckReport> {
  const changed: ChangedRun[] = [];
  const skipped: SkippedRun[] = [];
  for (const [index, recorded] of playback.entries.entries()) {
    const known = playback.commands.get(index);
    const reason = known === undefined
      ? whyUnknown(recorded, playback.plan.transformOf(specOf(BARE_COMMAND)))
      : null;
    if (reason !== null) {
      skipped.push({ index, recorded, reason });
      continue;
    }
    const command = known ?? commandOf(recorded, playback.plan);
    if (command === null) {
      skipped.push({
        index,
        recorded,
        reason: "no command can have its words",
      });
      continue;
    }
    const change = await changeOf(
      recorded,
      withoutListeners(command),
      playback,
      runner,
    );
    if (typeof change === "string") {
      skipped.push({ index, recorded, reason: change });
    } else if (change !== null) changed.push({ index, recorded, ...change });
  }
  const unchanged = playback.entries.length - changed.length - skipped.length;
  return new CheckReport(playback.path, unchanged, changed, skipped);
}

const BARE_COMMAND = new Command("nobody");

/** Why an entry does not tell all of the command that it was recorded of, if so. */
function whyUnknown(
  entry: CassetteEntry,
  transform: FieldTransform,
): string | null {
  const advice = "play it on this runner before it is checked";
  if (entry.hasStdin) return `its input is not in the file; ${advice}`;
  if (entry.envNames.length > 0) {
    return `the values of ${
      entry.envNames.join(", ")
    } are not in the file; ${advice}`;
  }
  if (entry.timedOut) return `its deadline is not in the file; ${advice}`;
  if (!transform.isReversible) {
    return `normalize or redact has perhaps changed its words; ${advice}`;
  }
  return null;
}

/** The command of an entry; `null` if no command can have its words: an empty program, or a NUL. */
function commandOf(entry: CassetteEntry, plan: CassettePlan): Command | null {
  const transform = plan.transformOf(specOf(BARE_COMMAND));
  const show = (text: string) => transform.restore(text);
  try {
    const command = new Command(show(entry.program), entry.args.map(show));
    return entry.cwd === null ? command : command.cwd(show(entry.cwd));
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** What has changed, if anything has; as a string, why that cannot be told. */
async function changeOf(
  recorded: CassetteEntry,
  command: Command,
  { plan }: DriftCheck,
  runner: ProcessRunner,
): Promise<Pick<ChangedRun, "now" | "diff"> | string | null> {
  const spec = specOf(command);
  const transform = liveTransform(plan, spec);
  if (typeof transform === "string") return transform;
  try {
    const facts = matchFactsFor(spec, plan.match, plan.transformOf(spec));
    const result = recorded.stdoutBase64 === undefined
      ? await runner.outputString(command)
      : await runner.outputBytes(command);
    const { program, encoding } = spec;
    const now = entryOf(
      facts,
      spec,
      transform,
      capturedRunOf(result, {
        program,
        encoding,
        transform,
        timing: false,
      }),
    );
    const diff = await differenceOf(recorded, now);
    return diff === "" ? null : { now, diff };
  } catch (error) {
    if (!isProcessKitError(error)) throw error;
    return {
      now: null,
      // It may tell what the command was given.
      diff: `  now: ${error.name}: ${
        transform.sanitize("stderr", messageOf(error))
      }`,
    };
  }
}

/** How its output looks in a cassette; as a string, why it is in none. */
function liveTransform(
  plan: CassettePlan,
  spec: CommandSpec,
): FieldTransform | string {
  try {
    return plan.liveTransformOf(spec);
  } catch (error) {
    if (error instanceof UnsupportedError || error instanceof RangeError) {
      return error.message;
    }
    throw error;
  }
}

async function differenceOf(
  recorded: CassetteEntry,
  now: CassetteEntry,
): Promise<string> {
  const parts: string[] = [];
  const [before, after] = [recorded, now].map((entry) =>
    describeOutcome(outcomeOf(entry))
  );
  if (before !== after) parts.push(`  it ${before}, and now it ${after}`);
  // Equal bytes are equal, however they were made text.
  const hasSameBytes = recorded.stdoutBase64 !== undefined &&
    recorded.stdoutBase64 === now.stdoutBase64;
  for (const stream of ["stdout", "stderr"] as const) {
    if (stream === "stdout" && hasSameBytes) continue;
    if (recorded[stream] !== now[stream]) {
      parts.push(await unifiedDiff(stream, recorded[stream], now[stream]));
    }
  }
  // The text is the same where nothing but what it cannot tell is another.
  if (
    recorded.stdout === now.stdout && recorded.stdoutBase64 !== now.stdoutBase64
  ) parts.push("  the bytes of stdout are others, with the same text");
  return parts.join("\n");
}

/** How long a diff may take before it is all of the one text and all of the other. */
const DIFF_PATIENCE_MS = 2000;

async function unifiedDiff(
  name: string,
  before: string,
  after: string,
): Promise<string> {
  // Fetched when it is needed: who only records and replays has no use for it.
  const { createTwoFilesPatch, FILE_HEADERS_ONLY } = await import("diff");
  const from = `recorded ${name}`;
  const to = `${name} now`;
  const patch = createTwoFilesPatch(from, to, before, after, "", "", {
    context: 3,
    timeout: DIFF_PATIENCE_MS,
    headerOptions: FILE_HEADERS_ONLY,
  });
  return (patch ?? wholly(from, to, before, after)).replace(/\n$/, "");
}

function wholly(
  from: string,
  to: string,
  before: string,
  after: string,
): string {
  const lines = (sign: string, text: string) =>
    text.split("\n").map((line) => `${sign}${line}`).join("\n");
  return `--- ${from}\n+++ ${to}\n${lines("-", before)}\n${lines("+", after)}`;
}
