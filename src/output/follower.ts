import type { BatchQueue } from "./batch_queue.ts";
import type { LineSplitter } from "./line_splitter.ts";

/** How many batches of lines may be queued before the follower applies backpressure. */
const CAPACITY = 4;

/**
 * Splits the text of a stream into lines for a second consumer, such as `events()` for
 * stderr. The consumer sets the pace until {@linkcode Follower.unthrottle}.
 */
export class Follower {
  readonly #splitter: LineSplitter;
  readonly #deliver: (lines: string[]) => void;
  readonly #queue: BatchQueue<unknown>;
  #queuedBatches = 0;
  #isUnthrottled = false;
  #isStopped = false;
  #wake: PromiseWithResolvers<void> | null = null;

  /** `deliver` must put the lines into `queue`. */
  constructor(
    splitter: LineSplitter,
    queue: BatchQueue<unknown>,
    deliver: (lines: string[]) => void,
  ) {
    this.#splitter = splitter;
    this.#queue = queue;
    this.#deliver = deliver;
  }

  /** A promise while the stream must not be read; `null` otherwise. */
  get backpressure(): Promise<void> | null {
    if (
      this.#isUnthrottled || this.#isStopped || this.#queuedBatches < CAPACITY
    ) return null;
    this.#wake ??= Promise.withResolvers();
    return this.#wake.promise;
  }

  /** Adds text. */
  push(text: string): void {
    this.#take(this.#splitter.push(text));
  }

  /** Marks the end of the text. */
  end(): void {
    this.#take(this.#splitter.end());
  }

  /**
   * Call for each batch of this follower that the consumer has taken out of the queue.
   */
  batchTaken(): void {
    this.#queuedBatches--;
    this.#resume();
  }

  /** Stops applying backpressure. */
  unthrottle(): void {
    this.#isUnthrottled = true;
    this.#resume();
  }

  /** Stops following: further text is ignored. */
  stop(): void {
    this.#isStopped = true;
    this.#resume();
  }

  /** Stops following, and drops the queued batches. */
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
