import { LineDispatcher } from "./line_dispatcher.ts";
import {
  type LineLimit,
  LineSplitter,
  type LineTerminator,
} from "./line_splitter.ts";
import type { ListenerErrors } from "./listener_errors.ts";
import { Tee } from "./tee.ts";

/** The listeners of one stream: line handlers and tees. */
export interface ListenerOptions {
  readonly handlers: readonly ((line: string) => void | PromiseLike<void>)[];
  readonly tees: readonly WritableStream<string>[];
  readonly terminator: LineTerminator;
  readonly limit: LineLimit | null;
  /** Receives what handlers threw and tees failed with. */
  readonly errors: ListenerErrors;
}

/** Passes the text of one stream to its line handlers and tees, and waits for them. */
export class Listeners {
  readonly #dispatcher: LineDispatcher | null;
  readonly #splitter: LineSplitter;
  readonly #tees: readonly Tee[];

  /** Returns `null` if there are no handlers and no tees. */
  static of(options: ListenerOptions): Listeners | null {
    return options.handlers.length + options.tees.length === 0
      ? null
      : new Listeners(options);
  }

  private constructor(
    { handlers, tees, terminator, limit, errors }: ListenerOptions,
  ) {
    this.#dispatcher = handlers.length === 0
      ? null
      : new LineDispatcher(handlers, errors);
    this.#splitter = new LineSplitter(terminator, limit);
    this.#tees = tees.map((sink) => new Tee(sink, errors));
  }

  /** Adds text. Returns a promise only if a tee or a handler must be waited for. */
  push(text: string): void | Promise<void> {
    if (this.#tees.length === 0) return this.#dispatch(text);
    return this.#teeAndDispatch(text);
  }

  /** Marks the end of the text, and releases the sinks of the tees. */
  end(): void | Promise<void> {
    for (const tee of this.#tees) tee.close();
    return this.#dispatcher?.deliver(this.#splitter.end());
  }

  /** Stops waiting for listeners, calls no handler again, and releases the sinks. */
  abandon(): void {
    for (const tee of this.#tees) tee.close();
    this.#dispatcher?.abandon();
  }

  #dispatch(text: string): void | Promise<void> {
    return this.#dispatcher?.deliver(this.#splitter.push(text));
  }

  async #teeAndDispatch(text: string): Promise<void> {
    await Promise.all(this.#tees.map((tee) => tee.push(text)));
    await this.#dispatch(text);
  }
}
