import type { BatchQueue } from "./batch_queue.ts";
import type { LineSplitter } from "./line_splitter.ts";

/** How many batches of lines may wait before no more is read for a follower. */
const CAPACITY = 4;

/**
 * Has the lines of a stream's text put into a queue, at the pace of whoever takes
 * them, unless that is lifted.
 */
export class Follower {
  readonly #splitter: LineSplitter;
  readonly #deliver: (lines: string[]) => void;
  readonly #queue: BatchQueue<unknown>;
  #queuedBatches = 0;
  #isUnthrottled = false;
  #isStopped = false;
  #wake: PromiseWithResolvers<void> | null = null;

  /** `deliver` puts lines into `queue`. */
  constructor(
    splitter: LineSplitter,
    queue: BatchQueue<unknown>,
    deliver: (lines: string[]) => void,
  ) {
    this.#splitter = splitter;
    this.#queue = queue;
    this.#deliver = deliver;
  }

  /** A promise while no more is to be read for it. */
  get backpressure(): Promise<void> | null {
    if (
      this.#isUnthrottled || this.#isStopped || this.#queuedBatches < CAPACITY
    ) return null;
    this.#wake ??= Promise.withResolvers();
    return this.#wake.promise;
  }

  /** Takes more text. */
  push(text: string): void {
    this.#take(this.#splitter.push(text));
  }

  /** Says that the text has ended. */
  end(): void {
    this.#take(this.#splitter.end());
  }

  /** To be called for every batch that was taken out of the queue. */
  batchTaken(): void {
    this.#queuedBatches--;
    this.#resume();
  }

  /** Sets no pace any more. */
  unthrottle(): void {
    this.#isUnthrottled = true;
    this.#resume();
  }

  /** Follows no longer. */
  stop(): void {
    this.#isStopped = true;
    this.#resume();
  }

  /** Follows no longer, and nor does anybody take what waits in the queue. */
  abandon(): void {
    this.stop();
    this.#queue.abandon();
  }

  #take(lines: string[]): void {
    if (this.#isStopped || lines.length === 0) return;
    this.#queuedBatches++;
    this.#deliver(lines);
  }

  #resume(): void {
    this.#wake?.resolve();
    this.#wake = null;
  }
}
