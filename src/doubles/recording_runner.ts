import { counted } from "../outcome/inspect.ts";
import type { Command } from "../command/command.ts";
import type { Invocation } from "../command/invocation.ts";
import type { ProcessResult } from "../outcome/result.ts";
import {
  ProcessRunner,
  runnerVerb,
  waitsBetweenRuns,
} from "../runner/process_runner.ts";
import type { RunningProcess } from "../runner/running_process.ts";

/**
 * A runner that remembers what it was asked, and asks another one.
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
  /** The runner that is asked. */
  readonly inner: R;
  readonly #calls: Invocation[] = [];

  /** Remembers what `inner` is asked through this. */
  constructor(inner: R) {
    super();
    this.inner = inner;
  }

  /** What was asked so far, in the order of the calls, whatever came of it. */
  calls(): readonly Invocation[] {
    return [...this.#calls];
  }

  /**
   * The one thing that was asked.
   *
   * @throws {Error} if there was none, or more than one
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

  /** Remembers the command and asks the other runner; see {@linkcode ProcessRunner.outputString}. */
  override outputString(
    command: Command,
  ): Promise<ProcessResult<string>> {
    return runnerVerb("outputString", arguments, () => {
      this.#calls.push(command.invocation);
      return this.inner.outputString(command);
    });
  }

  /** Remembers the command and asks the other runner; see {@linkcode ProcessRunner.outputBytes}. */
  override outputBytes(
    command: Command,
  ): Promise<ProcessResult<Uint8Array>> {
    return runnerVerb("outputBytes", arguments, () => {
      this.#calls.push(command.invocation);
      return this.inner.outputBytes(command);
    });
  }

  /** Remembers the command and has the other runner start it; see {@linkcode ProcessRunner.start}. */
  override start(command: Command): Promise<RunningProcess> {
    return runnerVerb("start", arguments, () => {
      this.#calls.push(command.invocation);
      return this.inner.start(command);
    });
  }

  /** The runner, how many calls it has seen, and its inner runner, in one line. */
  override toString(): string {
    return `RecordingRunner { ${
      counted(this.#calls.length, "call")
    } of ${this.inner} }`;
  }

  /** As the other runner does. */
  protected override get waitsBetweenRuns(): boolean {
    return waitsBetweenRuns(this.inner);
  }
}
