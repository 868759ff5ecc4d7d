import { pathText } from "../command/checks.ts";
import { type Command, type CommandSpec, specOf } from "../command/command.ts";
import { CassetteMissError, UnsupportedError } from "../outcome/errors.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { JobRunner } from "../runner/job_runner.ts";
import { playKnownRun } from "../runner/known_run.ts";
import { ProcessRunner } from "../runner/process_runner.ts";
import { throwIfCancelled } from "../runner/run_limits.ts";
import { Cassette } from "./cassette.ts";
import { entryOf, outcomeOf } from "./entry.ts";
import { matchFactsOf, matchKey } from "./key.ts";
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
   * @throws {UnsupportedError} if its stdin is a one-shot source or inherited, or it runs in the foreground; nothing was
   *   started then, and the source was not touched
   */
  override async outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    const spec = specOf(command);
    const facts = matchFactsOf(spec);
    if (this.#mode.kind === "replay") {
      throwIfCancelled(spec);
      return await this.#replay(
        command,
        spec,
        this.#mode.tape,
        matchKey(facts),
      );
    }
    const result = await this.#mode.inner.outputString(command);
    this.#mode.recording.add(entryOf(facts, spec, result));
    return result;
  }

  /** Always rejects: a cassette holds text. */
  override outputBytes(command: Command): Promise<ProcessResult<Uint8Array>> {
    return Promise.reject(unsupported("outputBytes", command));
  }

  /** Always rejects: a cassette holds finished runs. */
  override start(command: Command): Promise<never> {
    return Promise.reject(unsupported("start", command));
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

  /** Does not wait when replaying: nothing needs the time. */
  protected override pauseBeforeRetry(
    command: Command,
    ms: number,
  ): Promise<void> {
    return super.pauseBeforeRetry(
      command,
      this.#mode.kind === "replay" ? 0 : ms,
    );
  }

  #replay(
    command: Command,
    spec: CommandSpec,
    tape: Tape,
    key: string,
  ): Promise<ProcessResult<string>> {
    const entry = tape.next(key);
    if (entry === undefined) {
      throw new CassetteMissError(spec.program, this.#path, describe(command));
    }
    const { stdout, stderr } = entry;
    return playKnownRun(spec, {
      stdout,
      stderr,
      outcome: outcomeOf(entry),
      lineDelay: 0,
    });
  }
}

function unsupported(verb: string, command: Command): UnsupportedError {
  return new UnsupportedError(
    `${verb} with a cassette`,
    "a cassette holds finished runs, as text; use outputString",
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
