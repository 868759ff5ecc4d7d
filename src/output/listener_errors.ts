/** What the line handlers and tees of one run have failed with. */
export class ListenerErrors {
  readonly #all: unknown[] = [];
  readonly #thrown: unknown[] = [];

  /** The errors of handlers and tees, in the order in which they happened. */
  get all(): readonly unknown[] {
    return Object.freeze([...this.#all]);
  }

  /** The errors that line handlers threw. */
  get thrown(): readonly unknown[] {
    return this.#thrown;
  }

  /** Adds what a line handler threw or rejected with. */
  addThrown(error: unknown): void {
    this.#all.push(error);
    this.#thrown.push(error);
  }

  /** Adds what a tee failed with. */
  addTeeFailure(error: unknown): void {
    this.#all.push(error);
  }
}
