/** How many batches may wait before whoever makes them has to wait as well. */
const CAPACITY = 4;

/**
 * Hands batches from whoever makes them to whoever takes them, at the pace of the
 * slower one.
 */
export class BatchQueue<T> {
  #batches: T[] = [];
  #isOver = false;
  #isAbandoned = false;
  #failure: { readonly error: unknown } | null = null;
  #consumer: PromiseWithResolvers<void> | null = null;
  #producer: PromiseWithResolvers<void> | null = null;

  /** What to do when what waits is dropped. */
  onAbandon: () => void = () => {};

  /** Adds a batch; nothing happens once the queue is over. */
  push(batch: T): void {
    if (this.#isOver) return;
    this.#batches.push(batch);
    this.#wakeConsumer();
  }

  /** A promise while there is no room for more batches. */
  get backpressure(): Promise<void> | null {
    if (this.#isOver || this.#batches.length < CAPACITY) return null;
    this.#producer ??= Promise.withResolvers();
    return this.#producer.promise;
  }

  /** Says that no more batches come; what waits is still there to be taken. */
  end(failure: { readonly error: unknown } | null = null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#wakeConsumer();
  }

  /** Drops what waits: nothing more is there to be taken. */
  abandon(): void {
    this.#batches = [];
    this.#isOver = true;
    this.#isAbandoned = true;
    this.#failure = null;
    this.onAbandon();
    this.#wakeConsumer();
    this.#wakeProducer();
  }

  /** Whether what waited was dropped. */
  get isAbandoned(): boolean {
    return this.#isAbandoned;
  }

  /** The next batch, once there is one; `null` at the end. Throws what the maker failed with. */
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
