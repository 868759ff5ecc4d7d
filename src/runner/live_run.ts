import type { CommandSpec } from "../command/command.ts";
import type { Containment } from "../containment/containment.ts";
import { Teardown } from "../containment/teardown.ts";
import type { RunTree } from "../containment/tree.ts";
import { StdinError } from "../outcome/errors.ts";
import {
  exited,
  type Outcome,
  signalled,
  timedOut,
} from "../outcome/outcome.ts";
import { ProcessResult } from "../outcome/result.ts";
import { Capture } from "../output/capture.ts";
import { LineFeed } from "../output/line_feed.ts";
import type { Child, ExitStatus } from "../runtime/runtime.ts";
import {
  type EndedBy,
  type RunLimits,
  throwIfCancelled,
} from "./run_limits.ts";
import { StdinFeed, type StdinSupply } from "./stdin_feed.ts";

/** How long the pipes of a child that has ended may give nothing before they count as held open. */
const IDLE_AFTER_EXIT_MS = 2000;
/** How long the pipes of a tree that was killed may give nothing: nobody of it is left to write. */
const IDLE_AFTER_KILL_MS = 500;
/** How long a child that was killed may take to end before it counts as one that may not be killed. */
const PATIENCE_AFTER_KILL_MS = 2000;

/** How long a run may last beyond its child before that has to be reckoned with. */
const WENT_ON_AFTER_MS = 20;

/** How much can be left in a pipe, at its usual size, with what has been read of it at once. */
const PIPE_BYTES = 128 * 1024;
/** How much a pipe can hold at its largest. */
const MOST_PIPE_BYTES = 1024 * 1024;

/** Makes of the captured stdout what the verb returns; there is none if it was not captured. */
export type StdoutOf<T> = (stdout: Capture | null, program: string) => T;

/** How a live run is made. */
export interface LiveRunOptions {
  /** Whether stdout is kept as bytes, rather than as text. */
  readonly bytes: boolean;
  /** What is written to the child's stdin. */
  readonly supply: StdinSupply | null;
  readonly limits: RunLimits;
}

/** One child, from its start to its end, with everything that was opened for it. */
export class LiveRun {
  readonly #spec: CommandSpec;
  readonly #started = performance.now();
  readonly #child: Child;
  readonly #containment: Containment;
  readonly #tree: RunTree;
  readonly #handlerErrors: unknown[] = [];
  readonly #stdout: Capture | null;
  readonly #stderr: Capture | null;
  readonly #feed: StdinFeed | null;
  readonly #limits: RunLimits;
  readonly #exit = Promise.withResolvers<ExitStatus | null>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #hasExited = false;
  #teardown: Teardown | null = null;
  #stdinFailure: StdinError | null = null;

  /** Starts the child and, in the same turn, takes charge of its pipes. */
  constructor(
    containment: Containment,
    spec: CommandSpec,
    { bytes, supply, limits }: LiveRunOptions,
  ) {
    this.#containment = containment;
    this.#spec = spec;
    this.#limits = limits;
    const stdin = spec.stdin === "inherit"
      ? "inherit"
      : supply === null
      ? "null"
      : "piped";
    const { child, tree } = containment.start(
      { ...spec, stdin, ownGroup: false },
      spec,
    );
    this.#child = child;
    this.#tree = tree;
    this.#stdout = this.#capture(
      this.#child.stdout,
      spec.stdoutHandlers,
      bytes,
    );
    this.#stderr = this.#capture(
      this.#child.stderr,
      spec.stderrHandlers,
      false,
    );
    this.#feed = supply === null || this.#child.stdin === null
      ? null
      : new StdinFeed(supply, this.#child.stdin, (error) =>
        this.#failStdin(error));
    this.#child.status.then((status) => this.#exit.resolve(status));
    // A pipe that cannot be read any more would keep the child waiting for ever.
    for (const capture of this.#captures()) {
      capture.finished.catch(() => this.#kill());
    }
    limits.onEnd = (by) => this.#end(by);
  }

  /** Waits for the end. */
  async result<T extends string | Uint8Array>(
    stdoutOf: StdoutOf<T>,
  ): Promise<ProcessResult<T>> {
    try {
      const status = await this.#exit.promise;
      this.#hasExited = true;
      this.#tree.childEnded();
      // Those who were told to go have their time, and the pipes are theirs as well.
      if (this.#teardown !== null) await this.#teardown.finished;
      await this.#drain();
      await this.#stopFeed();
      return this.#resultOf(status, stdoutOf);
    } finally {
      this.#teardown?.[Symbol.dispose]();
      for (const timer of this.#timers) clearTimeout(timer);
      // Waited for only where there is something to wait for: a turn costs time too.
      const closing = this.#containment.finish(this.#tree);
      if (closing !== undefined) await closing;
    }
  }

  #resultOf<T extends string | Uint8Array>(
    status: ExitStatus | null,
    stdoutOf: StdoutOf<T>,
  ): ProcessResult<T> {
    const { program } = this.#spec;
    if (this.#limits.endedBy === "cancelled") throwIfCancelled(this.#spec);
    if (this.#stdinFailure !== null) throw this.#stdinFailure;
    const stderr = this.#stderr?.text(program) ?? "";
    const lateFailure = status && this.#child.lateFailure(status, stderr);
    if (lateFailure) throw lateFailure;
    return new ProcessResult({
      program,
      stdout: stdoutOf(this.#stdout, program),
      stderr,
      outcome: this.#limits.endedBy === "timed-out"
        ? timedOut()
        : outcomeOf(status),
      okCodes: this.#spec.okCodes,
      truncated: this.#captures().some((capture) => capture.truncated),
      configuredTimeout: this.#spec.timeout,
      duration: performance.now() - this.#started,
      handlerErrors: Object.freeze([...this.#handlerErrors]),
    });
  }

  #capture(
    stream: ReadableStream<Uint8Array> | null,
    handlers: CommandSpec["stdoutHandlers"],
    bytes: boolean,
  ): Capture | null {
    if (stream === null) return null;
    const { encoding, lineTerminator } = this.#spec;
    const lines = handlers.length === 0
      ? null
      : new LineFeed(handlers, lineTerminator, this.#handlerErrors);
    return new Capture(stream, { bytes, encoding, lines });
  }

  #captures(): Capture[] {
    return [this.#stdout, this.#stderr].filter((capture) => capture !== null);
  }

  /**
   * Reads the pipes of a child that has ended to their end. Somebody else may
   * hold them open; then whoever of them is in the group is ended, and after that
   * the pipes are cut.
   */
  async #drain(): Promise<void> {
    if (this.#captures().some((capture) => !capture.ended)) {
      this.#after(WENT_ON_AFTER_MS, () => this.#tree.wentOn());
    }
    if (this.#limits.endedBy === null && this.#stdinFailure === null) {
      for (const capture of this.#captures()) {
        capture.limitIdle(IDLE_AFTER_EXIT_MS, () => this.#endWriters());
        // A slow handler may take as long as it likes for what was in the pipe by
        // then. Who writes more than that is still there, and would write for ever.
        capture.limitLength(
          capture.length + PIPE_BYTES,
          IDLE_AFTER_EXIT_MS,
          () => this.#endWriters(),
        );
      }
    }
    await Promise.all(this.#captures().map((capture) => capture.finished));
  }

  #endWriters(): void {
    this.#tree.endLeftovers();
    this.#cutWhenIdle();
    for (const capture of this.#captures()) {
      capture.limitLength(
        capture.length + MOST_PIPE_BYTES,
        0,
        () => capture.cut(),
      );
    }
  }

  #cutWhenIdle(): void {
    for (const capture of this.#captures()) {
      capture.limitIdle(IDLE_AFTER_KILL_MS, () => capture.cut());
    }
  }

  /**
   * Nobody is left to read what is still to be written. What is being written at
   * this moment cannot be called back, and is not waited for long.
   */
  async #stopFeed(): Promise<void> {
    if (this.#feed === null) return;
    this.#feed.stop();
    const patience = Promise.withResolvers<void>();
    this.#after(IDLE_AFTER_KILL_MS, patience.resolve);
    await Promise.race([this.#feed.finished, patience.promise]);
  }

  #failStdin(cause: unknown): void {
    if (this.#hasExited) return;
    this.#stdinFailure = new StdinError(this.#spec.program, cause);
    this.#kill();
  }

  #end(by: EndedBy): void {
    const { timeoutGrace, timeoutSignal } = this.#spec;
    this.#tearDown(timeoutSignal, by === "cancelled" ? 0 : timeoutGrace);
  }

  /** Has the tree end: at once, or after `grace` milliseconds at the latest. */
  #tearDown(signal: string, grace: number): void {
    if (this.#teardown !== null) return grace === 0 ? this.#kill() : undefined;
    this.#teardown = new Teardown(this.#tree, {
      signal,
      grace,
      onOverdue: () => this.#kill(),
    });
  }

  /** Ends the tree, and with it the time that everything else has. */
  #kill(): void {
    this.#teardown?.[Symbol.dispose]();
    this.#tree.kill();
    this.#cutWhenIdle();
    const patience = this.#limits.endedBy === "cancelled"
      ? 0
      : IDLE_AFTER_KILL_MS;
    this.#after(
      patience,
      () => this.#captures().forEach((capture) => capture.abandonHandlers()),
    );
    this.#after(PATIENCE_AFTER_KILL_MS, () => {
      this.#child.unref();
      this.#exit.resolve(null);
    });
  }

  #after(ms: number, action: () => void): void {
    this.#timers.add(setTimeout(action, ms));
  }
}

function outcomeOf(status: ExitStatus | null): Outcome {
  return status?.code != null
    ? exited(status.code)
    : signalled(status?.signal ?? null);
}
