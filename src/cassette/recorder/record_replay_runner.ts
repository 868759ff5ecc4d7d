import { counted } from "../../outcome/inspect.ts";
import { checkFunction, checkOptions } from "../../command/checks.ts";
import { type Command, specOf, withTranscript } from "../../command/command.ts";
import { checkRunner } from "../../command/default_runner.ts";
import type { CommandSpec } from "../../command/spec.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import type { ProcessResult } from "../../outcome/result.ts";
import type { JobRunner } from "../../runner/job_runner.ts";
import {
  playSimulatedBytes,
  playSimulatedRun,
  startSimulatedRun,
} from "../../runner/play_simulated_run.ts";
import {
  checkRunnerArity,
  ProcessRunner,
  runnerVerb,
  waitsBetweenRuns,
} from "../../runner/process_runner.ts";
import type { RunUse } from "../../runner/run.ts";
import { throwIfCancelled } from "../../runner/run_limits.ts";
import {
  processOf,
  refuseBytes,
  type RunningProcess,
} from "../../runner/running_process.ts";
import type { SimulatedRun } from "../../runner/simulated_run.ts";
import type { CassetteEntry } from "../format/entry.ts";
import { type MatchFacts, matchFactsFor, matchKey } from "../matching/key.ts";
import {
  missOf,
  type RecordingAdvice,
  unplayedError,
} from "../matching/miss.ts";
import type { FieldTransform } from "../transform/field_transform.ts";
import {
  type CapturedRun,
  capturedRunOf,
  capturedRunOfTranscript,
  type CaptureOptions,
} from "./captured_run.ts";
import { checkDrift, type CheckReport } from "./drift_check.ts";
import { type CassetteOptions, type OpenOptions, OPTIONS } from "./options.ts";
import { entryOf } from "./recorded_entry.ts";
import { simulatedRunOf } from "./replayed_run.ts";
import {
  type CassetteSession,
  openSession,
  recordingSession,
  type RunnerMode,
} from "./session.ts";
import { startRecorded } from "./start_recorded.ts";

/** Ends the processes that a runner still plays; set by {@linkcode RecordReplayRunner} itself. */
export let disposeReplayed: (
  runner: RecordReplayRunner<ProcessRunner>,
) => Promise<void>;

/** Opens a cassette whose misses give this advice; set by {@linkcode RecordReplayRunner} itself. */
export let openAdvised: <R extends ProcessRunner>(
  path: string | URL,
  options: OpenOptions<R>,
  advice: RecordingAdvice,
) => Promise<RecordReplayRunner<R>>;

/** How many runs a runner was asked for; set by {@linkcode RecordReplayRunner} itself. */
export let askedOf: (runner: RecordReplayRunner<ProcessRunner>) => number;

/** What the runs that are recorded are matched on, each once; set by {@linkcode RecordReplayRunner} itself. */
export let recordedKeys: (
  runner: RecordReplayRunner<ProcessRunner>,
) => ReadonlySet<string>;

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
 * console.log(await replayer.run(version)); // git version 2.…, without a process
 * ```
 */
export class RecordReplayRunner<R extends ProcessRunner = JobRunner>
  extends ProcessRunner
  implements AsyncDisposable {
  static {
    openAdvised = async (path, options, advice) =>
      new RecordReplayRunner(await openSession(path, options, advice));
    askedOf = (runner) => runner.#asked;
    recordedKeys = (runner) => {
      const { writer: recording, plan } = runner.#session;
      const entries = recording?.entries ?? [];
      return new Set(entries.map((entry) => matchKey(entry, plan.match)));
    };
    disposeReplayed = async (runner) => {
      const playing = [...runner.#replayed];
      await Promise.all(
        playing.map((process) => process[Symbol.asyncDispose]()),
      );
    };
  }

  readonly #session: CassetteSession<R>;
  /** How many runs it was asked for, whatever came of them. */
  #asked = 0;
  /** The first command that each entry was played for. */
  readonly #commands = new Map<number, Command>();
  /** The processes that are played just now. */
  readonly #replayed = new Set<RunningProcess>();

  private constructor(session: CassetteSession<R>) {
    super();
    this.#session = session;
  }

  /** The file of the cassette, as it was given. */
  get path(): string {
    return this.#session.path;
  }

  /** What it does; `"auto"` has become `"record"` or `"replay"`. */
  get mode(): RunnerMode {
    return this.#session.mode;
  }

  /**
   * Opens a cassette to be recorded, replayed, or whatever the mode says.
   *
   * @throws {CassetteError} if it is to be replayed, or added to, and cannot be read, or is no cassette
   * @throws {TypeError} if an option is not what it has to be
   *
   * @example
   * ```ts
   * import { Command, RecordReplayRunner } from "@processkit/processkit";
   *
   * const version = new Command("git", ["--version"]);
   * for (let turn = 0; turn < 2; turn++) {
   *   await using runner = await RecordReplayRunner.open("/tmp/version.json", { mode: "auto" });
   *   console.log(runner.mode, await runner.run(version));
   * }
   * ```
   */
  static async open<R extends ProcessRunner = JobRunner>(
    path: string | URL,
    options: OpenOptions<R>,
  ): Promise<RecordReplayRunner<R>> {
    return new RecordReplayRunner(await openSession(path, options));
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
    options?: CassetteOptions,
  ): RecordReplayRunner<R>;
  /** Makes a runner that records what a `JobRunner` runs. */
  static record(
    path: string | URL,
    inner: undefined,
    options: CassetteOptions,
  ): RecordReplayRunner<JobRunner>;
  static record(
    path: string | URL,
    inner?: ProcessRunner,
    options: CassetteOptions = {},
  ): RecordReplayRunner<ProcessRunner> {
    return new RecordReplayRunner(recordingSession(path, inner, options));
  }

  /**
   * Loads a cassette and makes a runner that replays it.
   *
   * @throws {CassetteError} if there is no such file, it cannot be read, or it is no cassette
   */
  static async replay(
    path: string | URL,
    options: CassetteOptions = {},
  ): Promise<RecordReplayRunner> {
    checkOptions("a cassette's options", options, OPTIONS);
    return await RecordReplayRunner.open(path, { ...options, mode: "replay" });
  }

  /**
   * Records what `body` runs, and saves it when `body` returns. When it throws,
   * nothing is written, and an older file stays as it was.
   *
   * @throws {CassetteError} if the file cannot be written, or a guard refused a run
   */
  static async recording<R extends ProcessRunner, T>(
    path: string | URL,
    inner: R,
    body: (runner: RecordReplayRunner<R>) => Promise<T>,
    options: CassetteOptions = {},
  ): Promise<T> {
    const runner = RecordReplayRunner.record(path, inner, options);
    let value: T;
    try {
      value = await checkFunction("recording: the body", body)(runner);
    } catch (error) {
      runner.discard();
      throw error;
    }
    await runner.save();
    return value;
  }

  /**
   * Runs and records the command, or replays it; see {@linkcode ProcessRunner.outputString}.
   *
   * @throws {CassetteMissError} if there is no recording of it
   * @throws {UnsupportedError} if its stdin is a one-shot source or inherited, it writes to a file, or it runs in the
   *   foreground; nothing was started then, and the source was not touched. This, and `RangeError`, also for a value
   *   that {@linkcode redactEnv} cannot hide
   */
  override outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    return runnerVerb("outputString", arguments, () =>
      this.#verb(
        command,
        "text",
        playSimulatedRun,
        (inner, command) => inner.outputString(command),
      ));
  }

  /**
   * Runs and records the command, or replays it, with stdout in bytes. Bytes that their
   * text does not tell are kept beside it; bytes that were recorded as text by another
   * verb are played if that text does tell them.
   *
   * @throws {CassetteMissError} if there is no recording of it, or only one of its text; and what
   *   {@linkcode RecordReplayRunner.outputString} throws
   */
  override outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return runnerVerb("outputBytes", arguments, () =>
      this.#verb(
        command,
        "bytes",
        playSimulatedBytes,
        (inner, command) => inner.outputBytes(command),
      ));
  }

  /**
   * Starts and records the command, or replays it; see {@linkcode ProcessRunner.start}.
   * A recorded process is in the cassette once it has ended and its output was read
   * to the end: by `wait`, `finish` and the like, or by a reader of its own. One that
   * was ended before, by disposal, `kill`, an abort or `firstLine`, is not recorded. A
   * replayed one prints what was recorded, whichever verb recorded it, at once or at the
   * cassette's `speed`.
   *
   * @throws {CassetteMissError} if there is no recording of it
   * @throws {UnsupportedError} if its stdin is left open, a one-shot source or inherited, it writes to a file, or it
   *   runs in the foreground; nothing was started then, and the source was not touched. This, and `RangeError`, also
   *   for a value that {@linkcode redactEnv} cannot hide
   */
  override async start(command: Command): Promise<RunningProcess> {
    checkRunnerArity("start", arguments);
    this.#asked++;
    const { inner, writer: recording, plan } = this.#session;
    if (recording === null && inner !== null) return await inner.start(command);
    const spec = specOf(command);
    if (spec.keepStdinOpen) {
      throw new UnsupportedError(
        "an open stdin with a cassette",
        'what will be written cannot be known; give the input with stdin("…") or Stdin.fromFile',
        { program: spec.program },
      );
    }
    const asked = this.#prepare(spec);
    const entry = this.#play(command, asked, "live");
    if (entry !== null) {
      const run = startSimulatedRun(
        spec,
        this.#simulatedRun(entry, asked, "live"),
        "live",
      );
      const process = processOf(run);
      this.#replayed.add(process);
      run.closed.then(() => this.#replayed.delete(process));
      if (!tellsBytes(entry, spec)) {
        refuseBytes(
          process,
          "it was recorded as text, which does not tell its bytes; use stdoutLines or outputString, " +
            "or record it again by what you use here",
        );
      }
      return process;
    }
    const lived = this.#prepareLive(asked);
    return await startRecorded(
      inner!,
      command,
      plan.timing ? "timed" : "output",
      (run) =>
        this.#keepOrBlock(
          lived,
          (options) => capturedRunOfTranscript(run, options),
        ),
    );
  }

  /** The recorded runs that have not been played, in the order of the file; none where nothing is replayed. */
  unplayed(): readonly CassetteEntry[] {
    const { playback } = this.#session;
    return playback?.unplayed().map((index) => playback.entries[index]) ?? [];
  }

  /**
   * Makes sure that every recorded run has been played: what nobody asks for any more
   * is no longer tested.
   *
   * @throws {CassetteError} `unplayed`, naming those that were not
   */
  assertAllPlayed(): void {
    const { playback, path } = this.#session;
    const indexes = playback?.unplayed() ?? [];
    if (indexes.length > 0) {
      throw unplayedError(path, playback!.entries, indexes);
    }
  }

  /**
   * Runs the recorded commands again, on `runner`, one after another in the order of the
   * file, and tells which results are others now. The cassette stays as it is.
   *
   * What is not in the file (values of variables, input) is taken from the commands that
   * were played on this runner before; a run that takes more is skipped, and the report
   * says so.
   *
   * @throws {UnsupportedError} if this runner does not replay anything
   * @throws {NotFoundError} and what else {@linkcode ProcessRunner.outputString} throws
   *
   * @example
   * ```ts
   * import { Command, JobRunner, RecordReplayRunner, Reply, ScriptedRunner } from "@processkit/processkit";
   *
   * const old = new ScriptedRunner().fallback(Reply.ok("2.30.0\n"));
   * const path = "/tmp/versions.json";
   * await RecordReplayRunner.recording(path, old, (runner) => runner.run(new Command("echo", ["2.40.1"])));
   *
   * const replayer = await RecordReplayRunner.replay(path);
   * const report = await replayer.check(new JobRunner());
   * console.log(report.changed.length); // 1
   * console.log(String(report)); // … and a diff of the output
   * ```
   */
  async check(runner: ProcessRunner): Promise<CheckReport> {
    const { playback, plan, path } = this.#session;
    if (playback === null) {
      throw new UnsupportedError(
        `checking a cassette in mode "${this.mode}"`,
        'open it with mode "replay"',
      );
    }
    return await checkDrift(
      { path, plan, entries: playback.entries, commands: this.#commands },
      checkRunner("check", runner),
    );
  }

  /**
   * Writes what was recorded, replacing the file, also when that is nothing; with mode
   * `"new-episodes"` it is added to what is in the file by then. One save at a time: a
   * further one waits for it. Where nothing is recorded it does nothing.
   *
   * @throws {CassetteError} if the file cannot be written, or a guard refused a run; it is then as it was.
   *   What a guard threw, or what a live process could not be kept for, is thrown as it is
   */
  async save(): Promise<void> {
    await this.#session.writer?.save();
  }

  /** Forgets the runs that are not saved, refused ones too. */
  discard(): void {
    this.#session.writer?.discard();
  }

  /**
   * Ends the processes that are still played, and saves what is unsaved, if anything is.
   * Best effort: a failure is swallowed, since it may be on the way out because of
   * another one. To know that the file was written, call
   * {@linkcode RecordReplayRunner.save}.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await disposeReplayed(this);
    await this.#session.writer?.saveIfUnsaved().catch(() => {});
  }

  /** The runner, its mode, its file and how many recordings it has, in one line. */
  override toString(): string {
    const { mode, path, playback, writer } = this.#session;
    const counts = [
      playback && counted(playback.entries.length, "recording"),
      writer && `${writer.entries.length} new`,
    ].filter((count) => count !== null).join(", ");
    return `RecordReplayRunner { ${mode} ${JSON.stringify(path)}${
      counts === "" ? "" : `: ${counts}`
    } }`;
  }

  /** Not when replaying: nothing needs the time. */
  protected override get waitsBetweenRuns(): boolean {
    const { inner } = this.#session;
    return inner !== null && waitsBetweenRuns(inner);
  }

  async #verb<T extends string | Uint8Array>(
    command: Command,
    use: "text" | "bytes",
    play: (spec: CommandSpec, known: SimulatedRun) => Promise<ProcessResult<T>>,
    run: (inner: R, command: Command) => Promise<ProcessResult<T>>,
  ): Promise<ProcessResult<T>> {
    this.#asked++;
    const { inner, writer: recording, plan } = this.#session;
    if (recording === null && inner !== null) return await run(inner, command);
    const spec = specOf(command);
    const asked = this.#prepare(spec);
    const entry = this.#play(command, asked, use);
    if (entry !== null) {
      return await play(spec, this.#simulatedRun(entry, asked, use));
    }
    const lived = this.#prepareLive(asked);
    const result = await run(
      inner!,
      withTranscript(command, plan.timing ? "timed" : "output"),
    );
    this.#keep(lived, (options) => capturedRunOf(result, options));
    return result;
  }

  /** @throws {UnsupportedError} if it cannot be recorded, nor replayed */
  #prepare(spec: CommandSpec): PreparedCommand {
    const { plan } = this.#session;
    const transform = plan.transformOf(spec);
    return {
      spec,
      transform,
      facts: matchFactsFor(spec, plan.match, transform),
    };
  }

  /** The same of a command that is about to be run for real. */
  #prepareLive({ spec, facts }: PreparedCommand): PreparedCommand {
    return { spec, facts, transform: this.#session.plan.liveTransformOf(spec) };
  }

  /** What is played for a command; `null` if it is to be run for real. */
  #play(
    command: Command,
    { spec, facts }: PreparedCommand,
    use: RunUse,
  ): CassetteEntry | null {
    const { playback, writer: recording, plan, path, advice } = this.#session;
    if (playback === null) return null;
    throwIfCancelled(spec);
    const found = playback.next(
      facts,
      (entry) => use !== "bytes" || tellsBytes(entry, spec),
    );
    if (found.kind === "run") {
      if (!this.#commands.has(found.index)) {
        this.#commands.set(found.index, command);
      }
      return playback.entries[found.index];
    }
    const isNew = found.kind === "unknown" || found.kind === "exhausted";
    if (recording !== null && isNew) return null;
    const { redactedVariables, match: rules } = plan;
    const context = { path, playback, rules, redactedVariables, advice };
    throw missOf(context, facts, found);
  }

  #simulatedRun(
    entry: CassetteEntry,
    { spec: { encoding }, transform }: PreparedCommand,
    use: RunUse,
  ): SimulatedRun {
    const { speed } = this.#session.plan;
    return simulatedRunOf(entry, { use, transform, speed, encoding });
  }

  #keep(
    { facts, spec, transform }: PreparedCommand,
    capture: (options: CaptureOptions) => CapturedRun,
  ): void {
    const { plan: { timing }, writer: recording } = this.#session;
    const { program, encoding } = spec;
    const captured = capture({
      program,
      encoding,
      transform,
      timing,
    });
    recording!.add(entryOf(facts, spec, transform, captured));
  }

  /** For a run that perhaps nobody waits for, who could be told that it is not kept. */
  #keepOrBlock(
    asked: PreparedCommand,
    capture: (options: CaptureOptions) => CapturedRun,
  ): void {
    try {
      this.#keep(asked, capture);
    } catch (error) {
      this.#session.writer!.block(error);
      throw error;
    }
  }
}

/** A command, and how it looks in the file. */
interface PreparedCommand {
  readonly spec: CommandSpec;
  readonly transform: FieldTransform;
  readonly facts: MatchFacts;
}

/** Whether it is known which bytes a recorded stdout was. */
function tellsBytes(
  entry: CassetteEntry,
  { encoding }: CommandSpec,
): boolean {
  return entry.stdoutBase64 !== undefined ||
    // Where there is a replacement character, a decoder has perhaps put it there.
    (encoding === "utf-8" && !entry.stdout.includes("\ufffd"));
}
