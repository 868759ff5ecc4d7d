import type { Outcome } from "../outcome/outcome.ts";
import { BatchQueue } from "../output/batch_queue.ts";
import type { Follower } from "../output/follower.ts";
import { failureOf } from "./line_reader.ts";
import type { Run } from "./run.ts";

/** An event of a live process: its start, a line of output, or its exit. */
export type ProcessEvent =
  | { readonly kind: "started"; readonly pid: number | null }
  | { readonly kind: "stdout"; readonly line: string }
  | { readonly kind: "stderr"; readonly line: string }
  | { readonly kind: "exited"; readonly outcome: Outcome };

interface Batch {
  readonly kind: "stdout" | "stderr";
  readonly lines: readonly string[];
}

const NO_BATCH: Batch = { kind: "stdout", lines: [] };

/** Iterates over the events of a run. The consumer sets the pace. */
export class EventReader
  implements AsyncIterableIterator<ProcessEvent>, AsyncDisposable {
  readonly #run: Run;
  readonly #queue = new BatchQueue<Batch>();
  readonly #follower: Follower | null;
  #batch: Batch = NO_BATCH;
  #index = 0;
  #hasStarted = false;
  #isDone = false;
  #previous: Promise<unknown> = Promise.resolve();

  /** Takes the stdout of `run`, and follows its stderr. */
  constructor(run: Run) {
    this.#run = run;
    const queue = this.#queue;
    const batchOf = (kind: Batch["kind"]) => (lines: string[]): Batch => ({
      kind,
      lines,
    });
    run.stdout?.takeLines("events", queue, batchOf("stdout"));
    this.#follower = run.stderr?.follow(queue, batchOf("stderr")) ?? null;
    Promise.all([run.stdout?.finished, run.stderr?.finished]).then(
      () => queue.end(failureOf(run)),
      (error) => queue.end({ error }),
    );
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Concurrent calls resolve in the order of the calls. */
  next(): Promise<IteratorResult<ProcessEvent, undefined>> {
    const turn = this.#previous.then(() => this.#next());
    this.#previous = turn.catch(() => {});
    return turn;
  }

  /** Stops reading. The process keeps running until its stdout pipe is full. */
  return(): Promise<IteratorResult<ProcessEvent, undefined>> {
    this.#isDone = true;
    this.#follower?.stop();
    this.#run.stdout?.detachConsumer();
    this.#queue.abandon();
    return Promise.resolve({ value: undefined, done: true });
  }

  /** Stops reading; see {@linkcode EventReader.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  async #next(): Promise<IteratorResult<ProcessEvent, undefined>> {
    const value = this.#isDone ? null : await this.#event();
    return value === null || this.#isDone
      ? { value: undefined, done: true }
      : { value, done: false };
  }

  async #event(): Promise<ProcessEvent | null> {
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      return { kind: "started", pid: this.#run.backend.pid };
    }
    while (this.#index >= this.#batch.lines.length || this.#queue.isAbandoned) {
      const batch = await this.#queue.next();
      if (batch === null) return await this.#lastEvent();
      if (batch.kind === "stderr") this.#follower?.batchTaken();
      this.#batch = batch;
      this.#index = 0;
    }
    return { kind: this.#batch.kind, line: this.#batch.lines[this.#index++] };
  }

  /** Returns `null` if the run failed: `finish` throws the error. */
  async #lastEvent(): Promise<ProcessEvent | null> {
    if (this.#isDone) return null;
    if (!this.#queue.isAbandoned) this.#run.requestOutcome();
    await this.#run.completed;
    let outcome: Outcome;
    try {
      outcome = this.#run.outcome();
    } catch {
      this.#isDone = true;
      return null;
    }
    // The event returned now is the last one.
    this.#batch = NO_BATCH;
    this.#previous.then(() => this.#isDone = true);
    return { kind: "exited", outcome };
  }
}
