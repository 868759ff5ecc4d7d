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

/** A recorded run whose result has changed. */
export interface ChangedRun {
  /** The index of the entry in the cassette. */
  readonly index: number;
  /** The recorded entry. */
  readonly recorded: CassetteEntry;
  /** The entry that would be recorded now; `null` if the command could not be run. */
  readonly now: CassetteEntry | null;
  /** The change as text: both outcomes if they differ, and a unified diff of each changed output. */
  readonly diff: string;
}

/** A recorded run that was not checked. */
export interface SkippedRun {
  /** The index of the entry in the cassette. */
  readonly index: number;
  /** The recorded entry. */
  readonly recorded: CassetteEntry;
  /** The reason why the run was not checked. */
  readonly reason: string;
}

/** The result of {@linkcode RecordReplayRunner.check}. `String(report)` is a readable report. */
export class CheckReport {
  /** The number of runs with the recorded result. */
  readonly unchanged: number;
  /** The runs with another result, in the order of the file. */
  readonly changed: readonly ChangedRun[];
  /** The runs that were not checked, in the order of the file. */
  readonly skipped: readonly SkippedRun[];
  readonly #path: string;

  /** Creates a report. Use {@linkcode RecordReplayRunner.check} instead. */
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

  /** Returns the report as text, with the diffs. */
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

/** The cassette to check. */
export interface DriftCheck {
  readonly path: string;
  readonly plan: CassettePlan;
  readonly entries: readonly CassetteEntry[];
  /** The commands that were replayed, by the index of their entry. */
  readonly commands: ReadonlyMap<number, Command>;
}

/** Executes the commands of a cassette again, one after another, and compares the results. */
export async function checkDrift(
  { path, plan, entries, commands }: DriftCheck,
  runner: ProcessRunner,
): Promise<CheckReport> {
  const changed: ChangedRun[] = [];
  const skipped: SkippedRun[] = [];
  for (const [index, recorded] of entries.entries()) {
    const replayed = commands.get(index);
    const source = replayed === undefined
      ? restoredCommand(recorded, plan)
      : { command: replayed };
    const result = "skipReason" in source ? source : await compare(
      recorded,
      withoutListeners(source.command),
      plan,
      runner,
    );
    if (result === null) continue;
    if ("skipReason" in result) {
      skipped.push({ index, recorded, reason: result.skipReason });
    } else changed.push({ index, recorded, ...result });
  }
  const unchanged = entries.length - changed.length - skipped.length;
  return new CheckReport(path, unchanged, changed, skipped);
}

/** The result for a run that is not checked. */
interface Skip {
  readonly skipReason: string;
}

/** A command without variables, for the placeholders that do not depend on the command. */
const BARE_COMMAND = new Command("any");

/** Restores the command of an entry, if the file has everything that the command needs. */
function restoredCommand(
  entry: CassetteEntry,
  plan: CassettePlan,
): { readonly command: Command } | Skip {
  const transform = plan.transformOf(specOf(BARE_COMMAND));
  const missing = missingInFile(entry, transform);
  if (missing !== null) {
    return {
      skipReason:
        `${missing}; replay the command on this runner before the check`,
    };
  }
  const restore = (text: string) => transform.restore(text);
  try {
    const command = new Command(
      restore(entry.program),
      entry.args.map(restore),
    );
    return {
      command: entry.cwd === null ? command : command.cwd(restore(entry.cwd)),
    };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return {
      skipReason:
        "its program, an argument or its working directory is not valid in a command",
    };
  }
}

/** What the file lacks of the command of an entry; `null` if it lacks nothing. */
function missingInFile(
  entry: CassetteEntry,
  transform: FieldTransform,
): string | null {
  if (entry.hasStdin) return "its stdin is not in the file";
  if (entry.envNames.length > 0) {
    return `the values of ${entry.envNames.join(", ")} are not in the file`;
  }
  if (entry.timedOut) return "its timeout is not in the file";
  return transform.isReversible
    ? null
    : "normalize or redact may have changed its program, arguments or working directory";
}

/** Runs the command and compares the result. Returns `null` if it has not changed. */
async function compare(
  recorded: CassetteEntry,
  command: Command,
  plan: CassettePlan,
  runner: ProcessRunner,
): Promise<Pick<ChangedRun, "now" | "diff"> | Skip | null> {
  const spec = specOf(command);
  const transform = liveTransformOrSkip(plan, spec);
  if ("skipReason" in transform) return transform;
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
      // The message may contain a redacted value, for example in a path.
      diff: `  now: ${error.name}: ${
        transform.sanitize("stderr", messageOf(error))
      }`,
    };
  }
}

/** The transform of the command's output, or the reason why its output cannot be recorded. */
function liveTransformOrSkip(
  plan: CassettePlan,
  spec: CommandSpec,
): FieldTransform | Skip {
  try {
    return plan.liveTransformOf(spec);
  } catch (error) {
    if (error instanceof UnsupportedError || error instanceof RangeError) {
      return { skipReason: error.message };
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
  if (before !== after) parts.push(`  recorded: ${before}; now: ${after}`);
  // Equal bytes may have been decoded to different texts.
  const hasSameBytes = recorded.stdoutBase64 !== undefined &&
    recorded.stdoutBase64 === now.stdoutBase64;
  for (const stream of ["stdout", "stderr"] as const) {
    if (stream === "stdout" && hasSameBytes) continue;
    if (recorded[stream] !== now[stream]) {
      parts.push(await unifiedDiff(stream, recorded[stream], now[stream]));
    }
  }
  // Different bytes may decode to the same text: each invalid byte is replaced with U+FFFD.
  if (
    recorded.stdout === now.stdout && recorded.stdoutBase64 !== now.stdoutBase64
  ) parts.push("  the bytes of stdout differ, although their text is equal");
  return parts.join("\n");
}

/** The time limit of a diff. After it, the report has both texts in full. */
const DIFF_TIMEOUT_MS = 2000;

async function unifiedDiff(
  name: string,
  before: string,
  after: string,
): Promise<string> {
  // Loaded lazily, because recording and replaying do not need it.
  const { createTwoFilesPatch, FILE_HEADERS_ONLY } = await import("diff");
  const from = `recorded ${name}`;
  const to = `${name} now`;
  const patch = createTwoFilesPatch(from, to, before, after, "", "", {
    context: 3,
    timeout: DIFF_TIMEOUT_MS,
    headerOptions: FILE_HEADERS_ONLY,
  });
  return (patch ?? fullDiff(from, to, before, after)).replace(/\n$/, "");
}

/** A diff that removes all of one text and adds all of the other. */
function fullDiff(
  from: string,
  to: string,
  before: string,
  after: string,
): string {
  const lines = (sign: string, text: string) =>
    text.split("\n").map((line) => `${sign}${line}`).join("\n");
  return `--- ${from}\n+++ ${to}\n${lines("-", before)}\n${lines("+", after)}`;
}
