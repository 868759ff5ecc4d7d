import type { ListenerErrors } from "./listener_errors.ts";

/** Those who write to a sink share one writer: it can have no other. */
interface SharedWriter {
  readonly writer: WritableStreamDefaultWriter<string>;
  users: number;
}
const sharedWriters = new WeakMap<WritableStream<string>, SharedWriter>();

/**
 * Writes the text of one stream to a sink as well, and waits for the sink. The sink
 * stays open, and may be written to by several streams and runs at once. One that
 * fails is written to no more, and the error is kept.
 */
export class Tee {
  readonly #sink: WritableStream<string>;
  readonly #errors: ListenerErrors;
  #writer: WritableStreamDefaultWriter<string> | null = null;
  #stopWaiting: (() => void) | null = null;

  /** The sink's errors are added to `errors`. */
  constructor(sink: WritableStream<string>, errors: ListenerErrors) {
    this.#sink = sink;
    this.#errors = errors;
    try {
      this.#writer = acquire(sink);
    } catch (error) {
      // Somebody else has it.
      errors.addTeeFailure(error);
    }
  }

  /** Writes; the promise never rejects. */
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

  /** Waits for no write that is under way, and lets go of the sink. */
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
  // Told by the writes; nobody needs to be told twice.
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
