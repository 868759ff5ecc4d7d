import type { CommandSpec } from "../command/command.ts";
import { type Outcome, timedOut } from "../outcome/outcome.ts";
import { ProcessResult } from "../outcome/result.ts";
import { LineFeed } from "../output/line_feed.ts";
import { RunLimits, throwIfCancelled } from "./run_limits.ts";

/** A run whose output and end are known beforehand: scripted, or recorded. */
export interface KnownRun {
  readonly stdout: string;
  readonly stderr: string;
  /** How it ends; `null` for a run that only its limits end. */
  readonly outcome: Outcome | null;
  /** How long each line of stdout takes to come, in milliseconds. */
  readonly lineDelay: number;
}

/**
 * Plays a known run as the command would have seen it live: its line handlers are
 * called, first with stdout's lines and then with stderr's, its deadline and abort
 * signals hold, and what it did not capture stays away. Starts nothing.
 *
 * @throws {CancelledError} if an abort signal of the command has fired, or fires
 */
export function playKnownRun(
  spec: CommandSpec,
  run: KnownRun,
): Promise<ProcessResult<string>> {
  throwIfCancelled(spec);
  const stdout = spec.stdout === "piped" ? run.stdout : "";
  const stderr = spec.stderr === "piped" ? run.stderr : "";
  const takesTime = run.outcome === null || run.lineDelay > 0;
  const isHeard = spec.stdoutHandlers.length > 0 ||
    spec.stderrHandlers.length > 0;
  if (run.outcome !== null && !takesTime && !isHeard) {
    return Promise.resolve(resultOf(spec, stdout, stderr, run.outcome, []));
  }
  return new Playback(spec).play({ ...run, stdout, stderr });
}

/** One known run while it is played. */
class Playback {
  readonly #spec: CommandSpec;
  readonly #errors: unknown[] = [];
  readonly #stdoutLines: LineFeed;
  readonly #stderrLines: LineFeed;
  #isStopped = false;
  #stopWaiting: (() => void) | null = null;
  #stdout = "";

  constructor(spec: CommandSpec) {
    this.#spec = spec;
    this.#stdoutLines = new LineFeed(
      spec.stdoutHandlers,
      spec.lineTerminator,
      this.#errors,
    );
    this.#stderrLines = new LineFeed(
      spec.stderrHandlers,
      spec.lineTerminator,
      this.#errors,
    );
  }

  async play(run: KnownRun): Promise<ProcessResult<string>> {
    using limits = new RunLimits(this.#spec);
    limits.onEnd = () => this.#stop();
    await this.#playStdout(run);
    if (!this.#isStopped) await this.#playText(this.#stderrLines, run.stderr);
    if (run.outcome === null && !this.#isStopped) await this.#wait(null);
    if (limits.endedBy === "cancelled") throwIfCancelled(this.#spec);
    const outcome = limits.endedBy === "timed-out"
      ? timedOut()
      : run.outcome ?? timedOut();
    return resultOf(
      this.#spec,
      this.#stdout,
      run.stderr,
      outcome,
      this.#errors,
    );
  }

  async #playStdout(run: KnownRun): Promise<void> {
    const pieces = run.lineDelay > 0 ? wholeLines(run.stdout) : [run.stdout];
    for (const piece of pieces) {
      if (run.lineDelay > 0) await this.#wait(run.lineDelay);
      if (this.#isStopped) return;
      this.#stdout += piece;
      await this.#stdoutLines.push(piece);
    }
    await this.#stdoutLines.end();
  }

  async #playText(lines: LineFeed, text: string): Promise<void> {
    await lines.push(text);
    await lines.end();
  }

  /** Waits for `ms` milliseconds, or with `null` for ever, unless a limit is reached. */
  async #wait(ms: number | null): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopWaiting = resolve;
    const timer = ms === null ? undefined : setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }

  #stop(): void {
    this.#isStopped = true;
    this.#stdoutLines.abandon();
    this.#stderrLines.abandon();
    this.#stopWaiting?.();
  }
}

function resultOf(
  spec: CommandSpec,
  stdout: string,
  stderr: string,
  outcome: Outcome,
  handlerErrors: readonly unknown[],
): ProcessResult<string> {
  return new ProcessResult({
    program: spec.program,
    stdout,
    stderr,
    outcome,
    okCodes: spec.okCodes,
    configuredTimeout: spec.timeout,
    handlerErrors: Object.freeze([...handlerErrors]),
  });
}

/** The text cut after each `"\n"`. */
function wholeLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
