import type { ListenerErrors } from "./listener_errors.ts";

/** A handler for each line. A returned promise is awaited before the next line. */
type LineHandler = (line: string) => void | PromiseLike<void>;

/** A position in the delivery of lines to handlers. */
interface Delivery {
  readonly lines: readonly string[];
  lineIndex: number;
  handlerIndex: number;
}

/**
 * Passes the lines of one stream to its handlers, in order.
 *
 * A handler that throws or rejects is not called again, and its error is kept. Live,
 * scripted and recorded streams all use this class.
 */
export class LineDispatcher {
  /** A handler that threw is replaced by `null`. */
  readonly #handlers: (LineHandler | null)[];
  readonly #errors: ListenerErrors;
  #abandoned = false;
  #stopWaiting: (() => void) | null = null;

  /** Adds what handlers throw to `errors`. */
  constructor(handlers: readonly LineHandler[], errors: ListenerErrors) {
    this.#handlers = [...handlers];
    this.#errors = errors;
  }

  /**
   * Passes lines to the handlers. Returns a promise only if a handler returned one:
   * synchronous handlers cost no promise per line.
   */
  deliver(lines: readonly string[]): void | Promise<void> {
    if (this.#abandoned || lines.length === 0) return;
    const delivery = { lines, lineIndex: 0, handlerIndex: 0 };
    const answer = this.#advance(delivery);
    if (answer !== undefined) return this.#deliverRest(delivery, answer);
  }

  /** Stops waiting for a pending handler, and calls no handler again. */
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

  /**
   * Calls handlers until one returns a promise, and returns it; returns `undefined` at
   * the end.
   */
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

  /** Resolves when the promise has settled, or when the dispatcher is abandoned. */
  #untilSettled(answer: PromiseLike<void>, index: number): Promise<void> {
    return new Promise((resolve) => {
      this.#stopWaiting = resolve;
      // `Promise.resolve` comes first: if `then` throws, that becomes a rejection.
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
