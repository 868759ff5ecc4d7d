import type { Command } from "../command/command.ts";
import type { Invocation } from "../command/invocation.ts";
import { counted } from "../outcome/inspect.ts";
import type { ProcessResult } from "../outcome/result.ts";
import {
  ProcessRunner,
  runnerVerb,
  waitsBetweenRuns,
} from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";

/**
 * Records the commands that it receives, and passes each of them to another runner.
 *
 * @example
 * ```ts
 * import { Command, RecordingRunner, Reply, ScriptedRunner } from "@processkit/processkit";
 *
 * const runner = new RecordingRunner(new ScriptedRunner().fallback(Reply.ok()));
 * await runner.run(new Command("git", ["push", "--force"]));
 * console.log(runner.onlyCall().hasFlag("--force")); // true
 * ```
 */
export class RecordingRunner<R extends ProcessRunner> extends ProcessRunner {
  /** The runner that runs the commands. */
  readonly inner: R;
  readonly #calls: Invocation[] = [];

  /** Creates a runner that passes commands to `inner`. */
  constructor(inner: R) {
    super();
    this.inner = inner;
  }

  /** Returns the recorded commands in the order of the calls, including those that failed. */
  calls(): readonly Invocation[] {
    return [...this.#calls];
  }

  /**
   * Returns the only recorded command.
   *
   * @throws {Error} if no command, or more than one, was recorded
   */
  onlyCall(): Invocation {
    const [call] = this.#calls;
    if (this.#calls.length !== 1) {
      const programs = this.#calls.slice(0, 10).map(({ program }) => program)
        .join(", ");
      throw new Error(
        `expected exactly one call, got ${this.#calls.length}${
          programs && `: ${programs}`
        }`,
      );
    }
    return call;
  }

  /** Records the command and runs it by the inner runner; see {@linkcode ProcessRunner.outputString}. */
  override outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    return runnerVerb("outputString", arguments, () => {
      this.#calls.push(command.invocation);
      return this.inner.outputString(command);
    });
  }

  /** Records the command and runs it by the inner runner; see {@linkcode ProcessRunner.outputBytes}. */
  override outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return runnerVerb("outputBytes", arguments, () => {
      this.#calls.push(command.invocation);
      return this.inner.outputBytes(command);
    });
  }

  /** Records the command and starts it by the inner runner; see {@linkcode ProcessRunner.start}. */
  override start(command: Command): Promise<RunningProcess> {
    return runnerVerb("start", arguments, () => {
      this.#calls.push(command.invocation);
      return this.inner.start(command);
    });
  }

  /** Returns one line: the class, the number of recorded calls and the inner runner. */
  override toString(): string {
    return `RecordingRunner { ${
      counted(this.#calls.length, "call")
    } of ${this.inner} }`;
  }

  /** The value of the inner runner. */
  protected override get waitsBetweenRuns(): boolean {
    return waitsBetweenRuns(this.inner);
  }
}
