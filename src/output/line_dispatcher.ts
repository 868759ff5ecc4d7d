import type { ListenerErrors } from "./listener_errors.ts";

/** What is called for every line; a promise is awaited before the next line. */
type LineHandler = (line: string) => void | PromiseLike<void>;

/** How far the delivery of some lines to the handlers has come. */
interface Delivery {
  readonly lines: readonly string[];
  lineIndex: number;
  handlerIndex: number;
}

/**
 * Gives the lines of one stream to its handlers, in order.
 *
 * A handler that throws or rejects is switched off, and the error is kept. The
 * same code serves a live stream, a scripted one and a recorded one.
 */
export class LineDispatcher {
  /** `null` in the place of a handler that was switched off. */
  readonly #handlers: (LineHandler | null)[];
  readonly #errors: ListenerErrors;
  #abandoned = false;
  #stopWaiting: (() => void) | null = null;

  /** What handlers throw is added to `errors`. */
  constructor(handlers: readonly LineHandler[], errors: ListenerErrors) {
    this.#handlers = [...handlers];
    this.#errors = errors;
  }

  // Handlers that answer at once cost a call and no promise; only an answer that
  // has to be waited for moves the rest of the lines to the asynchronous loop.
  /** Gives more lines. A promise is returned only if a handler has to be waited for. */
  deliver(lines: readonly string[]): void | Promise<void> {
    if (this.#abandoned || lines.length === 0) return;
    const delivery = { lines, lineIndex: 0, handlerIndex: 0 };
    const answer = this.#advance(delivery);
    if (answer !== undefined) return this.#deliverRest(delivery, answer);
  }

  /** Stops waiting for a handler that is at work, and calls no handler any more. */
  abandon(): void {
    this.#abandoned = true;
    this.#stopWaiting?.();
  }

  async #deliverRest(
    delivery: Delivery,
    first: PromiseLike<void>,
  ): Promise<void> {
    for (
      let answer: PromiseLike<void> | undefined = first;
      answer !== undefined;
    ) {
      await this.#untilSettled(answer, delivery.handlerIndex);
      if (this.#abandoned) return;
      delivery.handlerIndex++;
      answer = this.#advance(delivery);
    }
  }

  /** Calls handlers until one has to be waited for: returns its promise, or `undefined` at the end. */
  #advance(delivery: Delivery): PromiseLike<void> | undefined {
    for (
      ;
      delivery.lineIndex < delivery.lines.length;
      delivery.lineIndex++, delivery.handlerIndex = 0
    ) {
      for (
        ;
        delivery.handlerIndex < this.#handlers.length;
        delivery.handlerIndex++
      ) {
        if (this.#abandoned) return undefined;
        const answer = this.#call(
          delivery.handlerIndex,
          delivery.lines[delivery.lineIndex],
        );
        if (answer !== undefined) return answer;
      }
    }
  }

  #call(index: number, line: string): PromiseLike<void> | undefined {
    const handler = this.#handlers[index];
    if (handler === null) return undefined;
    try {
      const answer: unknown = handler(line);
      return isPromiseLike(answer) ? answer : undefined;
    } catch (error) {
      this.#switchOff(index, error);
    }
  }

  /** Resolves when the handler's promise has settled, or at once when the feed is abandoned. */
  #untilSettled(answer: PromiseLike<void>, index: number): Promise<void> {
    return new Promise((resolve) => {
      this.#stopWaiting = resolve;
      // `resolve` first: a `then` that throws is a rejection like any other.
      Promise.resolve(answer).then(() => resolve(), (error) => {
        if (!this.#abandoned) this.#switchOff(index, error);
        resolve();
      });
    });
  }

  #switchOff(index: number, error: unknown): void {
    this.#handlers[index] = null;
    this.#errors.addThrown(error);
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<void> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
