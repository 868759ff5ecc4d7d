/** How many batches may be queued before the producer must wait. */
const CAPACITY = 4;

/** Passes batches from a producer to a consumer, with backpressure. */
export class BatchQueue<T> {
  #batches: T[] = [];
  #isOver = false;
  #isAbandoned = false;
  #failure: { readonly error: unknown } | null = null;
  #consumer: PromiseWithResolvers<void> | null = null;
  #producer: PromiseWithResolvers<void> | null = null;

  /** Called when the queued batches are dropped. */
  onAbandon: () => void = () => {};

  /**
   * Adds a batch; ignored after {@linkcode BatchQueue.end} or
   * {@linkcode BatchQueue.abandon}.
   */
  push(batch: T): void {
    if (this.#isOver) return;
    this.#batches.push(batch);
    this.#wakeConsumer();
  }

  /** A promise that resolves when the queue can take more; `null` if it can now. */
  get backpressure(): Promise<void> | null {
    if (this.#isOver || this.#batches.length < CAPACITY) return null;
    this.#producer ??= Promise.withResolvers();
    return this.#producer.promise;
  }

  /**
   * Marks the end. Queued batches can still be read; then `next` rejects with
   * `failure`, if there is one.
   */
  end(failure: { readonly error: unknown } | null = null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#wakeConsumer();
  }

  /** Drops the queued batches and ends the queue. */
  abandon(): void {
    this.#batches = [];
    this.#isOver = true;
    this.#isAbandoned = true;
    this.#failure = null;
    this.onAbandon();
    this.#wakeConsumer();
    this.#wakeProducer();
  }

  /** Whether {@linkcode BatchQueue.abandon} was called. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /**
   * Waits for the next batch; `null` at the end. Rejects with the failure given to
   * {@linkcode BatchQueue.end}.
   */
  async next(): Promise<T | null> {
    while (this.#batches.length === 0) {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#isOver) return null;
      this.#consumer ??= Promise.withResolvers();
      await this.#consumer.promise;
    }
    const batch = this.#batches.shift()!;
    if (this.#batches.length < CAPACITY) this.#wakeProducer();
    return batch;
  }

  #wakeConsumer(): void {
    this.#consumer?.resolve();
    this.#consumer = null;
  }

  #wakeProducer(): void {
    this.#producer?.resolve();
    this.#producer = null;
  }
}
