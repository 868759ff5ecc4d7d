import { checkFunction, checkOptions } from "../../command/checks.ts";
import { type Command, specOf, withTranscript } from "../../command/command.ts";
import { checkRunner } from "../../command/default_runner.ts";
import type { CommandSpec } from "../../command/spec.ts";
import { UnsupportedError } from "../../outcome/errors.ts";
import { counted } from "../../outcome/inspect.ts";
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
  missError,
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

// The four functions below are for `withCassette`. They use private members of
// `RecordReplayRunner`, whose static block assigns them.

/** Disposes of the replayed processes that are still running. */
export let disposeReplayed: (
  runner: RecordReplayRunner<ProcessRunner>,
) => Promise<void>;

/** Opens a cassette, with advice for the messages of its misses. */
export let openWithAdvice: <R extends ProcessRunner>(
  path: string | URL,
  options: OpenOptions<R>,
  advice: RecordingAdvice,
) => Promise<RecordReplayRunner<R>>;

/** Returns the number of runs that were requested of a runner, including failed ones. */
export let requestCountOf: (
  runner: RecordReplayRunner<ProcessRunner>,
) => number;

/** Returns the match keys of the runs that a runner has recorded. */
export let recordedKeys: (
  runner: RecordReplayRunner<ProcessRunner>,
) => ReadonlySet<string>;

/**
 * Records the runs of another runner into a cassette, or replays them from one.
 *
 * Recording executes commands with the inner runner and stores every run that completes,
 * whatever its exit code. Replaying never starts a process, so it needs no permission to
 * run programs. A command without a recording throws a `CassetteMissError`.
 *
 * **Secrets.** The file contains the names of the environment variables that a command sets
 * or removes, but never their values. Program, arguments, working directory, stdout and
 * stderr are stored as they are and may contain secrets; use the options `redact` and
 * `guard` to keep these out. Of stdin, a digest is stored, from which a short secret can be
 * guessed.
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
 * console.log(await replayer.run(version)); // git version 2.…
 * ```
 */
export class RecordReplayRunner<R extends ProcessRunner = JobRunner>
  extends ProcessRunner
  implements AsyncDisposable {
  static {
    openWithAdvice = async (path, options, advice) =>
      new RecordReplayRunner(await openSession(path, options, advice));
    requestCountOf = (runner) => runner.#requestCount;
    recordedKeys = (runner) => {
      const { writer, plan } = runner.#session;
      const entries = writer?.entries ?? [];
      return new Set(entries.map((entry) => matchKey(entry, plan.match)));
    };
    disposeReplayed = async (runner) => {
      const processes = [...runner.#replayed];
      await Promise.all(
        processes.map((process) => process[Symbol.asyncDispose]()),
      );
    };
  }

  readonly #session: CassetteSession<R>;
  /** The number of requested runs, including failed ones. */
  #requestCount = 0;
  /** For each entry, the first command for which it was replayed. */
  readonly #commands = new Map<number, Command>();
  /** The replayed processes that are still running. */
  readonly #replayed = new Set<RunningProcess>();

  private constructor(session: CassetteSession<R>) {
    super();
    this.#session = session;
  }

  /** The path of the cassette file. */
  get path(): string {
    return this.#session.path;
  }

  /** The mode of the cassette. `"auto"` is resolved to `"record"` or `"replay"`. */
  get mode(): RunnerMode {
    return this.#session.mode;
  }

  /**
   * Opens a cassette in the given mode.
   *
   * @throws {CassetteError} if the mode is `"replay"` and the file does not exist, or the
   *   mode reads the file and it cannot be read or is not a valid cassette
   * @throws {TypeError} if an option is invalid
   * @throws {RangeError} if `speed` is not a number above 0
   * @throws {UnsupportedError} if {@linkcode paths} needs a permission that is missing
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
   * Creates a runner that records the runs of `inner`, by default of a new `JobRunner`.
   *
   * No file is touched until {@linkcode RecordReplayRunner.save} or the end of
   * `await using`, which replace the whole file. Prefer
   * {@linkcode RecordReplayRunner.recording}, which writes nothing if its body throws.
   *
   * @throws {TypeError} if an option is invalid
   * @throws {RangeError} if `speed` is not a number above 0
   * @throws {UnsupportedError} if {@linkcode paths} needs a permission that is missing
   */
  static record(path: string | URL): RecordReplayRunner<JobRunner>;
  /** Creates a runner that records the runs of `inner`. */
  static record<R extends ProcessRunner>(
    path: string | URL,
    inner: R,
    options?: CassetteOptions,
  ): RecordReplayRunner<R>;
  /** Creates a runner that records the runs of a new `JobRunner`. */
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
   * Loads a cassette and returns a runner that replays it.
   *
   * @throws {CassetteError} if the file does not exist, cannot be read, or is not a valid
   *   cassette
   * @throws {TypeError} if an option is invalid
   * @throws {RangeError} if `speed` is not a number above 0
   * @throws {UnsupportedError} if {@linkcode paths} needs a permission that is missing
   */
  static async replay(
    path: string | URL,
    options: CassetteOptions = {},
  ): Promise<RecordReplayRunner> {
    checkOptions("a cassette's options", options, OPTIONS);
    return await RecordReplayRunner.open(path, { ...options, mode: "replay" });
  }

  /**
   * Records the runs of `body`, saves the cassette when `body` returns, and returns the value
   * of `body`. If `body` throws, nothing is written, and an existing file stays as it was.
   *
   * @throws {CassetteError} if the file cannot be written, or a guard refused a run. An error
   *   of `body` is thrown unchanged.
   */
  static async recording<R extends ProcessRunner, T>(
    path: string | URL,
    inner: R,
    body: (runner: RecordReplayRunner<R>) => Promise<T>,
    options: CassetteOptions = {},
  ): Promise<T> {
    const runner = RecordReplayRunner.record(path, inner, options);
    try {
      const value = await checkFunction("recording: the body", body)(runner);
      await runner.save();
      return value;
    } catch (error) {
      // The caller sees the error: no warning of unsaved runs has to follow.
      runner.discard();
      throw error;
    }
  }

  /**
   * Replays the command, or executes and records it, and captures its output as text; see
   * {@linkcode ProcessRunner.outputString}.
   *
   * @throws {CassetteMissError} if there is no recording of the command
   * @throws {UnsupportedError} if the command cannot be recorded: its stdin is a one-shot
   *   source or inherited, its output goes to a file, it runs in the foreground, or it has a
   *   value that {@linkcode redactEnv} cannot replace. It is not started, and the stdin
   *   source is not read.
   * @throws {RangeError} if a value is too short for {@linkcode redactEnv}
   */
  override outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    return runnerVerb("outputString", arguments, () =>
      this.#runVerb(
        command,
        "text",
        playSimulatedRun,
        (inner, command) => inner.outputString(command),
      ));
  }

  /**
   * Replays the command, or executes and records it, and captures stdout as bytes; see
   * {@linkcode ProcessRunner.outputBytes}.
   *
   * Bytes that cannot be restored from their text are stored beside the text. A run that
   * another verb recorded as text is replayed if its bytes can be restored from that text.
   *
   * @throws {CassetteMissError} if there is no recording of the command, or the bytes cannot
   *   be restored from the recorded text
   * @throws {UnsupportedError} as {@linkcode RecordReplayRunner.outputString} does
   * @throws {RangeError} as {@linkcode RecordReplayRunner.outputString} does
   */
  override outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return runnerVerb("outputBytes", arguments, () =>
      this.#runVerb(
        command,
        "bytes",
        playSimulatedBytes,
        (inner, command) => inner.outputBytes(command),
      ));
  }

  /**
   * Replays the command as a live process, or starts and records it; see
   * {@linkcode ProcessRunner.start}.
   *
   * A process is recorded once it has exited and its output was read to the end, for example
   * by `wait`, `finish` or `stdoutLines`. A process that is killed before (by disposal,
   * `kill`, an abort or `firstLine`) is not recorded. A replayed process prints its recorded
   * output at once, or at the cassette's `speed`, whichever verb recorded it.
   *
   * @throws {CassetteMissError} if there is no recording of the command
   * @throws {UnsupportedError} if stdin is kept open, and as
   *   {@linkcode RecordReplayRunner.outputString} does
   * @throws {RangeError} as {@linkcode RecordReplayRunner.outputString} does
   */
  override async start(command: Command): Promise<RunningProcess> {
    checkRunnerArity("start", arguments);
    this.#requestCount++;
    const { inner, writer, plan } = this.#session;
    if (writer === null && inner !== null) return await inner.start(command);
    const spec = specOf(command);
    if (spec.keepStdinOpen) {
      throw new UnsupportedError(
        "an open stdin with a cassette",
        'the input is not known before the run; give it with stdin("…") or Stdin.fromFile',
        { program: spec.program },
      );
    }
    const prepared = this.#prepare(spec);
    const entry = this.#nextEntry(command, prepared, "live");
    if (entry !== null) {
      const run = startSimulatedRun(
        spec,
        this.#simulatedRun(entry, prepared, "live"),
        "live",
      );
      const process = processOf(run);
      this.#replayed.add(process);
      run.closed.then(() => this.#replayed.delete(process));
      if (!hasExactBytes(entry, spec)) {
        refuseBytes(
          process,
          "it was recorded as text, from which its bytes cannot be restored; use stdoutLines or outputString, " +
            "or record it again with the method that you call here",
        );
      }
      return process;
    }
    const live = this.#prepareLive(prepared);
    return await startRecorded(
      inner!,
      command,
      plan.timing ? "timed" : "output",
      (run) =>
        this.#recordOrAddFailure(
          live,
          (options) => capturedRunOfTranscript(run, options),
        ),
    );
  }

  /**
   * Returns the recorded runs that were not replayed, in the order of the file. Returns an
   * empty array if the mode replays nothing.
   */
  unplayed(): readonly CassetteEntry[] {
    const { playback } = this.#session;
    return playback?.unplayed().map((index) => playback.entries[index]) ?? [];
  }

  /**
   * Checks that every recorded run was replayed. A recording that no test replays any more
   * should be removed from the file.
   *
   * @throws {CassetteError} with the reason `"unplayed"`, naming the recordings that were not
   *   replayed
   */
  assertAllPlayed(): void {
    const { playback, path } = this.#session;
    const indexes = playback?.unplayed() ?? [];
    if (indexes.length > 0) {
      throw unplayedError(path, playback!.entries, indexes);
    }
  }

  /**
   * Executes the recorded commands again with `runner`, and reports which results have
   * changed since. The commands run one after another, in the order of the file. The
   * cassette is not changed.
   *
   * A cassette does not contain environment values, stdin or timeouts, nor text that a
   * `redact` or `normalize` function has replaced. `check` takes them from commands that were
   * replayed on this runner before. A run that needs them and was not replayed is skipped.
   * The report lists the skipped runs. A command that fails with an error of this library,
   * such as `NotFoundError`, is reported as changed.
   *
   * @throws {UnsupportedError} if the mode of this runner replays nothing
   * @throws {TypeError} if `runner` is not a runner. An error of a `redact` or `normalize`
   *   function is thrown unchanged.
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
   * console.log(String(report)); // the numbers, and … a diff of the output
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
   * Writes the recorded runs to the file. The mode `"record"` replaces the file, even if no
   * run was recorded. The mode `"new-episodes"` appends new runs to the current content of
   * the file. Other modes write nothing. Concurrent saves are done one after another.
   *
   * @throws {CassetteError} if the file cannot be written, or a guard refused a run. The file
   *   then stays as it was. An error of a guard, or an error that prevented recording a live
   *   process, is thrown unchanged.
   */
  async save(): Promise<void> {
    await this.#session.writer?.save();
  }

  /** Discards the runs that are not saved, including runs that a guard refused. */
  discard(): void {
    this.#session.writer?.discard();
  }

  /**
   * Ends the replayed processes that are still running, and saves the unsaved runs, if there
   * are any. An error of the save is ignored, so that it does not hide an error of the block
   * that is left. Call {@linkcode RecordReplayRunner.save} to know that the file was written.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await disposeReplayed(this);
    await this.#session.writer?.saveIfUnsaved().catch(() => {});
  }

  /** Returns the mode, the file and the number of recordings in one line. */
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

  /** Returns whether to wait between the attempts of `retry`. A replay does not need to wait. */
  protected override get waitsBetweenRuns(): boolean {
    const { inner } = this.#session;
    return inner !== null && waitsBetweenRuns(inner);
  }

  /** Replays the command with `play`, or executes it with `run` and records it. */
  async #runVerb<T extends string | Uint8Array>(
    command: Command,
    use: "text" | "bytes",
    play: (spec: CommandSpec, run: SimulatedRun) => Promise<ProcessResult<T>>,
    run: (inner: R, command: Command) => Promise<ProcessResult<T>>,
  ): Promise<ProcessResult<T>> {
    this.#requestCount++;
    const { inner, writer, plan } = this.#session;
    if (writer === null && inner !== null) return await run(inner, command);
    const spec = specOf(command);
    const prepared = this.#prepare(spec);
    const entry = this.#nextEntry(command, prepared, use);
    if (entry !== null) {
      return await play(spec, this.#simulatedRun(entry, prepared, use));
    }
    const live = this.#prepareLive(prepared);
    const result = await run(
      inner!,
      withTranscript(command, plan.timing ? "timed" : "output"),
    );
    this.#record(live, (options) => capturedRunOf(result, options));
    return result;
  }

  /** @throws {UnsupportedError} if the command can be neither recorded nor replayed */
  #prepare(spec: CommandSpec): PreparedCommand {
    const { plan } = this.#session;
    const transform = plan.transformOf(spec);
    return {
      spec,
      transform,
      facts: matchFactsFor(spec, plan.match, transform),
    };
  }

  /** Gives a command that will be executed the transform for its output on this machine. */
  #prepareLive({ spec, facts }: PreparedCommand): PreparedCommand {
    return { spec, facts, transform: this.#session.plan.liveTransformOf(spec) };
  }

  /**
   * The entry to replay for a command; `null` if the command must be executed.
   *
   * @throws {CassetteMissError} if there is no entry, and the mode does not execute commands
   */
  #nextEntry(
    command: Command,
    { spec, facts }: PreparedCommand,
    use: RunUse,
  ): CassetteEntry | null {
    const { playback, writer, plan, path, advice } = this.#session;
    if (playback === null) return null;
    throwIfCancelled(spec);
    const lookup = playback.next(
      facts,
      (entry) => use !== "bytes" || hasExactBytes(entry, spec),
    );
    if (lookup.kind === "run") {
      if (!this.#commands.has(lookup.index)) {
        this.#commands.set(lookup.index, command);
      }
      return playback.entries[lookup.index];
    }
    const isNew = lookup.kind === "unknown" || lookup.kind === "exhausted";
    if (writer !== null && isNew) return null;
    const { redactedVariables, match: rules } = plan;
    const context = { path, playback, rules, redactedVariables, advice };
    throw missError(context, facts, lookup);
  }

  #simulatedRun(
    entry: CassetteEntry,
    { spec: { encoding }, transform }: PreparedCommand,
    use: RunUse,
  ): SimulatedRun {
    const { speed } = this.#session.plan;
    return simulatedRunOf(entry, { use, transform, speed, encoding });
  }

  #record(
    { facts, spec, transform }: PreparedCommand,
    capture: (options: CaptureOptions) => CapturedRun,
  ): void {
    const { plan: { timing }, writer } = this.#session;
    const { program, encoding } = spec;
    const captured = capture({ program, encoding, transform, timing });
    writer!.add(entryOf(facts, spec, transform, captured));
  }

  /**
   * Records a live process. An error is also kept for the saves, because the caller may not
   * wait for the process and would not see the error.
   */
  #recordOrAddFailure(
    live: PreparedCommand,
    capture: (options: CaptureOptions) => CapturedRun,
  ): void {
    try {
      this.#record(live, capture);
    } catch (error) {
      this.#session.writer!.addFailure(error);
      throw error;
    }
  }
}

/** A command with its match facts, and the transform of its texts. */
interface PreparedCommand {
  readonly spec: CommandSpec;
  readonly transform: FieldTransform;
  readonly facts: MatchFacts;
}

/** Returns whether the bytes of a recorded stdout are stored or can be restored from its text. */
function hasExactBytes(
  entry: CassetteEntry,
  { encoding }: CommandSpec,
): boolean {
  return entry.stdoutBase64 !== undefined ||
    // A replacement character may come from the decoder, in place of any invalid byte.
    (encoding === "utf-8" && !entry.stdout.includes("\ufffd"));
}
