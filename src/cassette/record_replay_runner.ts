import { pathText } from "../command/checks.ts";
import { type Command, specOf, transcribed } from "../command/command.ts";
import type { CommandSpec } from "../command/spec.ts";
import { CassetteMissError, UnsupportedError } from "../outcome/errors.ts";
import { type ProcessResult, transcriptOf } from "../outcome/result.ts";
import { JobRunner } from "../runner/job_runner.ts";
import {
  type KnownRun,
  playKnownRun,
  startKnownRun,
} from "../runner/known_run.ts";
import { ProcessRunner, waitsBetweenRuns } from "../runner/process_runner.ts";
import { throwIfCancelled } from "../runner/run_limits.ts";
import {
  processOf,
  refuseBytes,
  type RunningProcess,
} from "../runner/running_process.ts";
import { Cassette } from "./cassette.ts";
import { entryOf, knownRunOf } from "./entry.ts";
import { type MatchFacts, matchFactsOf, matchKey } from "./key.ts";
import { startRecorded } from "./record_process.ts";
import { Recording } from "./recording.ts";
import { Tape } from "./tape.ts";

/** What a runner does: it has one or the other. */
type Mode<R> =
  | {
    readonly kind: "record";
    readonly inner: R;
    readonly recording: Recording;
  }
  | { readonly kind: "replay"; readonly tape: Tape };

/**
 * Records the runs of another runner into a cassette, or replays them from one.
 *
 * Recording runs the real thing and keeps every run that completes, whatever its
 * exit code. Replaying starts nothing, ever: it needs no permission to run
 * programs, and what was not recorded is a `CassetteMissError`.
 *
 * **What is in the file.** Values of environment variables never are; their names
 * are. Arguments, the working directory and both outputs are stored as they are
 * and may hold secrets, and the digest of a short secret on stdin can be guessed:
 * do not record what must not be read.
 *
 * @example
 * ```ts
 * import { Command, JobRunner, RecordReplayRunner } from "@processkit/processkit";
 *
 * const version = new Command("git", ["--version"]);
 * const path = "/tmp/git-version.json";
 * await RecordReplayRunner.recording(path, new JobRunner(), (runner) => runner.run(version));
 *
 * const replayer = await RecordReplayRunner.replay(path);
 * console.log(await replayer.run(version)); // no process is started
 * ```
 */
export class RecordReplayRunner<R extends ProcessRunner = JobRunner>
  extends ProcessRunner
  implements AsyncDisposable {
  readonly #path: string;
  readonly #mode: Mode<R>;

  private constructor(path: string, mode: Mode<R>) {
    super();
    this.#path = path;
    this.#mode = mode;
  }

  /**
   * Makes a runner that records what `inner` runs. No file is touched before
   * {@linkcode RecordReplayRunner.save} or the end of `await using`; then the whole
   * file is replaced.
   *
   * {@linkcode RecordReplayRunner.recording} is the safer form: it writes nothing
   * when something was thrown.
   */
  static record(path: string | URL): RecordReplayRunner<JobRunner>;
  /** Makes a runner that records what `inner` runs. */
  static record<R extends ProcessRunner>(
    path: string | URL,
    inner: R,
  ): RecordReplayRunner<R>;
  static record(
    path: string | URL,
    inner: ProcessRunner = new JobRunner(),
  ): RecordReplayRunner<ProcessRunner> {
    const file = pathText("the cassette's path", path);
    return new RecordReplayRunner(file, {
      kind: "record",
      inner,
      recording: new Recording(file),
    });
  }

  /**
   * Loads a cassette and makes a runner that replays it.
   *
   * @throws {CassetteError} if there is no such file, it cannot be read, or it is no cassette
   */
  static async replay(path: string | URL): Promise<RecordReplayRunner> {
    const file = pathText("the cassette's path", path);
    const { entries } = await Cassette.read(file);
    return new RecordReplayRunner<JobRunner>(file, {
      kind: "replay",
      tape: new Tape(entries),
    });
  }

  /**
   * Records what `body` runs, and saves it when `body` returns. When it throws,
   * nothing is written, and an older file stays as it was.
   *
   * @throws {CassetteError} if the file cannot be written
   */
  static async recording<R extends ProcessRunner, T>(
    path: string | URL,
    inner: R,
    body: (runner: RecordReplayRunner<R>) => Promise<T>,
  ): Promise<T> {
    const runner = RecordReplayRunner.record(path, inner);
    const value = await body(runner);
    await runner.save();
    return value;
  }

  /**
   * Runs and records the command, or replays it; see {@linkcode ProcessRunner.outputString}.
   *
   * @throws {CassetteMissError} if there is no recording of it
   * @throws {UnsupportedError} if its stdin is a one-shot source or inherited, it writes to a file, or it runs in the
   *   foreground; nothing was started then, and the source was not touched
   */
  override async outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    const spec = specOf(command);
    const facts = matchFactsOf(spec);
    if (this.#mode.kind === "replay") {
      throwIfCancelled(spec);
      const known = this.#recorded(command, this.#mode.tape, facts);
      return await playKnownRun(spec, known);
    }
    const { inner, recording } = this.#mode;
    const result = await inner.outputString(transcribed(command));
    // All there was: what a replay keeps of it is the replaying command's to say.
    recording.add(entryOf(facts, spec, transcriptOf(result)));
    return result;
  }

  /**
   * Starts and records the command, or replays it; see {@linkcode ProcessRunner.start}.
   * A recorded process is in the cassette once it has ended and its output was read
   * to the end: by `wait`, `finish` and the like, or by a reader of its own. One that
   * was ended before, by disposal, `kill`, an abort or `firstLine`, is not recorded. A
   * replayed one prints at once what was recorded, whichever verb recorded it.
   *
   * @throws {CassetteMissError} if there is no recording of it
   * @throws {UnsupportedError} if its stdin is left open, a one-shot source or inherited, it writes to a file, or it
   *   runs in the foreground; nothing was started then, and the source was not touched
   */
  override async start(command: Command): Promise<RunningProcess> {
    const spec = specOf(command);
    if (spec.keepStdinOpen) {
      throw new UnsupportedError(
        "an open stdin with a cassette",
        'what will be written cannot be known; give the input with stdin("…") or Stdin.fromFile',
        { program: spec.program },
      );
    }
    const facts = matchFactsOf(spec);
    const process = this.#mode.kind === "replay"
      ? this.#startReplay(command, this.#mode.tape, facts)
      : await startRecorded(
        this.#mode.inner,
        command,
        addTo(this.#mode.recording, facts, spec),
      );
    refuseBytes(
      process,
      "a cassette holds text; use stdoutLines or outputString",
    );
    return process;
  }

  /** Always rejects: a cassette holds text. */
  override outputBytes(command: Command): Promise<ProcessResult<Uint8Array>> {
    return Promise.reject(unsupported("outputBytes", command));
  }

  /**
   * Writes what was recorded, replacing the file, also when that is nothing. One
   * save at a time: a further one waits for it. In replay it does nothing.
   *
   * @throws {CassetteError} if the file cannot be written; it is then as it was
   */
  async save(): Promise<void> {
    if (this.#mode.kind === "record") await this.#mode.recording.save();
  }

  /** Forgets the runs that are not saved. In replay it does nothing. */
  discard(): void {
    if (this.#mode.kind === "record") this.#mode.recording.discard();
  }

  /**
   * Saves what is unsaved, if anything is. Best effort: a failure is swallowed,
   * since it may be on the way out because of another one. To know that the file
   * was written, call {@linkcode RecordReplayRunner.save}.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#mode.kind === "record") {
      await this.#mode.recording.saveIfUnsaved().catch(() => {});
    }
  }

  /** Not when replaying: nothing needs the time. */
  protected override get waitsBetweenRuns(): boolean {
    return this.#mode.kind === "record" && waitsBetweenRuns(this.#mode.inner);
  }

  #startReplay(
    command: Command,
    tape: Tape,
    facts: MatchFacts,
  ): RunningProcess {
    const spec = specOf(command);
    throwIfCancelled(spec);
    const known = this.#recorded(command, tape, facts);
    return processOf(startKnownRun(spec, known, "live"));
  }

  #recorded(command: Command, tape: Tape, facts: MatchFacts): KnownRun {
    const entry = tape.next(matchKey(facts));
    if (entry !== undefined) return knownRunOf(entry);
    throw new CassetteMissError(facts.program, this.#path, describe(command));
  }
}

function addTo(
  recording: Recording,
  facts: MatchFacts,
  spec: CommandSpec,
): (result: ProcessResult<string>) => void {
  return (result) => recording.add(entryOf(facts, spec, result));
}

function unsupported(verb: string, command: Command): UnsupportedError {
  return new UnsupportedError(
    `${verb} with a cassette`,
    "a cassette holds text; use outputString",
    {
      program: specOf(command).program,
    },
  );
}

function describe(command: Command): string {
  const { cwd, hasStdin } = command.invocation;
  const where = cwd === null ? "without a working directory" : `in ${cwd}`;
  return `\`${command.commandLine()}\` ${where}, ${
    hasStdin ? "with this stdin" : "without stdin"
  }`;
}
