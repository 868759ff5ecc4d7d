import type { Outcome } from "../outcome/outcome.ts";
import { BatchQueue } from "../output/batch_queue.ts";
import type { Follower } from "../output/follower.ts";
import { failureOf } from "./line_reader.ts";
import type { Run } from "./run.ts";

/** What happens in a live process: its start, its lines, and how it ended. */
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

/** The events of a run, at the pace of whoever reads them. */
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

  /** Whoever asks for several events at once gets them in the order of asking. */
  next(): Promise<IteratorResult<ProcessEvent, undefined>> {
    const turn = this.#previous.then(() => this.#next());
    this.#previous = turn.catch(() => {});
    return turn;
  }

  /** Stops reading. The process goes on, until it has nowhere to print to. */
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

  /** `null` for a run that failed: with what, is for `finish` to say. */
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
    // With the event that follows, all is told.
    this.#batch = NO_BATCH;
    this.#previous.then(() => this.#isDone = true);
    return { kind: "exited", outcome };
  }
}
