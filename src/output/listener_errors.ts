/** The errors of the line handlers and tees of one run. */
export class ListenerErrors {
  readonly #all: unknown[] = [];
  readonly #thrown: unknown[] = [];

  /** The errors of handlers and tees, in order of occurrence. */
  get all(): readonly unknown[] {
    return Object.freeze([...this.#all]);
  }

  /** The errors of line handlers. */
  get thrown(): readonly unknown[] {
    return this.#thrown;
  }

  /** Adds an error that a line handler threw or rejected with. */
  addThrown(error: unknown): void {
    this.#all.push(error);
    this.#thrown.push(error);
  }

  /** Adds the error of a failed tee. */
  addTeeFailure(error: unknown): void {
    this.#all.push(error);
  }
}
