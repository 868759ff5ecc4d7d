import { BatchQueue } from "../output/batch_queue.ts";
import type { Run } from "./run.ts";

/** The lines of a run's stdout, one after the other, at the pace of whoever reads them. */
export class LineReader
  implements AsyncIterableIterator<string>, AsyncDisposable {
  readonly #run: Run;
  readonly #queue = new BatchQueue<string[]>();
  #lines: string[] = [];
  #index = 0;
  /** Up to where they can be had at once: not while somebody waits, nor when they were abandoned. */
  #readyEnd = 0;
  /** How many have asked for a line that is not there yet, and when the last of them has it. */
  #pendingCalls = 0;
  #previous: Promise<unknown> = Promise.resolve();

  /** Takes the stdout of `run` for `by`. */
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

  // A line that is there already costs one promise, and no further function.
  next(): Promise<IteratorResult<string, undefined>> {
    return this.#index < this.#readyEnd
      ? Promise.resolve({ value: this.#lines[this.#index++], done: false })
      : this.#nextInTurn();
  }

  /** Stops reading. The process goes on, until it has nowhere to print to. */
  return(): Promise<IteratorResult<string, undefined>> {
    this.#run.stdout!.detachConsumer();
    this.#queue.abandon();
    return Promise.resolve({ value: undefined, done: true });
  }

  /** Stops reading; see {@linkcode LineReader.return}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** Whoever asks for several lines at once gets them in the order of asking. */
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

/** What a reader of a run's output is to be told at its end, beside that it is the end. */
export function failureOf(run: Run): { readonly error: unknown } | null {
  const error = run.stdout?.overflowError() ?? null;
  return error === null ? null : { error };
}
