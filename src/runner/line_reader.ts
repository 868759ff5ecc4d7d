import { BatchQueue } from "../output/batch_queue.ts";
import type { Run } from "./run.ts";

/** Iterates over the lines of a run's stdout. The consumer sets the pace. */
export class LineReader
  implements AsyncIterableIterator<string>, AsyncDisposable {
  readonly #run: Run;
  readonly #queue = new BatchQueue<string[]>();
  #lines: string[] = [];
  #index = 0;
  /**
   * `next` returns lines before this index at once. 0 while another call waits, and
   * after the queue was abandoned.
   */
  #readyEnd = 0;
  /** The number of calls of `next` that wait for a line. */
  #pendingCalls = 0;
  /** Settles when the last of these calls has its line. */
  #previous: Promise<unknown> = Promise.resolve();

  /** Takes the stdout of `run`. `method` is the name that errors report. */
  constructor(run: Run, method: string) {
    this.#run = run;
    const stdout = run.stdout!;
    this.#queue.onAbandon = () => this.#readyEnd = 0;
    stdout.takeLines(method, this.#queue, (lines) => lines);
    stdout.finished.then(
      () => this.#queue.end(failureOf(run)),
      (error) => this.#queue.end({ error }),
    );
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // A line that has arrived costs one promise and no further call.
  next(): Promise<IteratorResult<string, undefined>> {
    return this.#index < this.#readyEnd
      ? Promise.resolve({ value: this.#lines[this.#index++], done: false })
      : this.#nextInTurn();
  }

  /** Stops reading. The process keeps running until its stdout pipe is full. */
  return(): Promise<IteratorResult<string, undefined>> {
    this.#run.stdout!.detachConsumer();
    this.#queue.abandon();
    return Promise.resolve({ value: undefined, done: true });
  }

  /** Stops reading; see {@linkcode LineReader.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Concurrent calls resolve in the order of the calls. */
  #nextInTurn(): Promise<IteratorResult<string, undefined>> {
    this.#pendingCalls++;
    this.#readyEnd = 0;
    const turn = this.#pendingCalls === 1
      ? this.#nextAfterRefill()
      : this.#previous.then(() => this.#nextAfterRefill());
    this.#previous = turn.catch(() => {});
    return turn;
  }

  async #nextAfterRefill(): Promise<IteratorResult<string, undefined>> {
    try {
      if (this.#index >= this.#lines.length || this.#queue.isAbandoned) {
        const lines = await this.#queue.next();
        if (lines === null) {
          if (!this.#queue.isAbandoned) this.#run.requestOutcome();
          return { value: undefined, done: true };
        }
        this.#lines = lines;
        this.#index = 0;
      }
      return { value: this.#lines[this.#index++], done: false };
    } finally {
      this.#pendingCalls--;
      if (this.#pendingCalls === 0 && !this.#queue.isAbandoned) {
        this.#readyEnd = this.#lines.length;
      }
    }
  }
}

/** Returns the error with which reading stdout ends, or `null` if it just ends. */
export function failureOf(run: Run): { readonly error: unknown } | null {
  const error = run.stdout?.overflowError() ?? null;
  return error === null ? null : { error };
}
