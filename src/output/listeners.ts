import { LineDispatcher } from "./line_dispatcher.ts";
import {
  type LineLimit,
  LineSplitter,
  type LineTerminator,
} from "./line_splitter.ts";
import type { ListenerErrors } from "./listener_errors.ts";
import { Tee } from "./tee.ts";

/** What hears the text of a stream as it comes. */
export interface ListenerOptions {
  readonly handlers: readonly ((line: string) => void | PromiseLike<void>)[];
  readonly tees: readonly WritableStream<string>[];
  readonly terminator: LineTerminator;
  readonly limit: LineLimit | null;
  /** What handlers and sinks fail with is added to these. */
  readonly errors: ListenerErrors;
}

/** The line handlers and tees of one stream: whoever of them is at work is waited for. */
export class Listeners {
  readonly #dispatcher: LineDispatcher | null;
  readonly #splitter: LineSplitter;
  readonly #tees: readonly Tee[];

  /** `null` where nobody listens. */
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

  /** Takes more text. A promise is returned only if somebody has to be waited for. */
  push(text: string): void | Promise<void> {
    if (this.#tees.length === 0) return this.#dispatch(text);
    return this.#teeAndDispatch(text);
  }

  /** Says that the text has ended, and lets go of the sinks. */
  end(): void | Promise<void> {
    for (const tee of this.#tees) tee.close();
    return this.#dispatcher?.deliver(this.#splitter.end());
  }

  /** Waits for nobody any more, and calls nobody. */
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
