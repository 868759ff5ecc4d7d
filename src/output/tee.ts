import type { ListenerErrors } from "./listener_errors.ts";

/** All tees of a sink share one writer, since a sink can have only one. */
interface SharedWriter {
  readonly writer: WritableStreamDefaultWriter<string>;
  users: number;
}
const sharedWriters = new WeakMap<WritableStream<string>, SharedWriter>();

/**
 * Writes the text of one stream to a sink, and waits for each write. The sink stays
 * open, and several streams and runs may use it at once. After a failed write, the tee
 * keeps the error and writes no more.
 */
export class Tee {
  readonly #sink: WritableStream<string>;
  readonly #errors: ListenerErrors;
  #writer: WritableStreamDefaultWriter<string> | null = null;
  #stopWaiting: (() => void) | null = null;

  /** Adds the sink's errors to `errors`. */
  constructor(sink: WritableStream<string>, errors: ListenerErrors) {
    this.#sink = sink;
    this.#errors = errors;
    try {
      this.#writer = acquire(sink);
    } catch (error) {
      // The sink is locked by another writer.
      errors.addTeeFailure(error);
    }
  }

  /** Writes text. The promise never rejects. */
  push(text: string): void | Promise<void> {
    const writer = this.#writer;
    if (writer === null) return;
    return new Promise((resolve) => {
      this.#stopWaiting = resolve;
      writer.write(text).then(() => resolve(), (error) => {
        if (this.#writer !== null) this.#errors.addTeeFailure(error);
        this.close();
        resolve();
      });
    });
  }

  /** Stops writing, without waiting for a pending write, and releases the sink. */
  close(): void {
    if (this.#writer === null) return;
    this.#writer = null;
    release(this.#sink);
    this.#stopWaiting?.();
  }
}

function acquire(
  sink: WritableStream<string>,
): WritableStreamDefaultWriter<string> {
  const known = sharedWriters.get(sink);
  if (known !== undefined) {
    known.users++;
    return known.writer;
  }
  const writer = sink.getWriter();
  // A failed write reports the error. These promises reject with the same error.
  writer.closed.catch(() => {});
  writer.ready.catch(() => {});
  sharedWriters.set(sink, { writer, users: 1 });
  return writer;
}

function release(sink: WritableStream<string>): void {
  const known = sharedWriters.get(sink);
  if (known === undefined || --known.users > 0) return;
  sharedWriters.delete(sink);
  known.writer.releaseLock();
}
