/** How many batches may wait before whoever makes them has to wait as well. */
const ROOM = 4;

/**
 * Hands batches from whoever makes them to whoever takes them, at the pace of the
 * slower one.
 */
export class BatchQueue<T> {
  #batches: T[] = [];
  #isOver = false;
  #isAbandoned = false;
  #failure: { readonly error: unknown } | null = null;
  #taker: PromiseWithResolvers<void> | null = null;
  #maker: PromiseWithResolvers<void> | null = null;

  /** What to do when what waits is dropped. */
  onAbandon: () => void = () => {};

  /** Adds a batch; nothing happens once the queue is over. */
  push(batch: T): void {
    if (this.#isOver) return;
    this.#batches.push(batch);
    this.#wakeTaker();
  }

  /** A promise while there is no room for more batches. */
  get room(): Promise<void> | null {
    if (this.#isOver || this.#batches.length < ROOM) return null;
    this.#maker ??= Promise.withResolvers();
    return this.#maker.promise;
  }

  /** Says that no more batches come; what waits is still there to be taken. */
  end(failure: { readonly error: unknown } | null = null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#wakeTaker();
  }

  /** Drops what waits: nothing more is there to be taken. */
  abandon(): void {
    this.#batches = [];
    this.#isOver = true;
    this.#isAbandoned = true;
    this.#failure = null;
    this.onAbandon();
    this.#wakeTaker();
    this.#wakeMaker();
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
      this.#taker ??= Promise.withResolvers();
      await this.#taker.promise;
    }
    const batch = this.#batches.shift()!;
    if (this.#batches.length < ROOM) this.#wakeMaker();
    return batch;
  }

  #wakeTaker(): void {
    this.#taker?.resolve();
    this.#taker = null;
  }

  #wakeMaker(): void {
    this.#maker?.resolve();
    this.#maker = null;
  }
}
