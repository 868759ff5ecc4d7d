import type { BatchQueue } from "./batch_queue.ts";
import type { Follower } from "./follower.ts";
import type { LineSplitter } from "./line_splitter.ts";
import type { Listeners } from "./listeners.ts";
import { type PieceDecoder, pieceDecoder } from "./piece_decoder.ts";
import { textTooLongError } from "./text.ts";

/** A destination for the pieces of a stream. */
export interface Target {
  /** Receives a piece. Returns a promise only if the target must be waited for. */
  push(piece: Uint8Array): void | Promise<void>;
  /** Marks the end of the stream. */
  end(): void | Promise<void>;
  /**
   * Whether the target keeps the pieces themselves, and not only what it decodes from
   * them.
   */
  readonly holdsPieces?: boolean;
  /** A promise while no piece may be read; `null` or `undefined` otherwise. */
  readonly backpressure?: Promise<void> | null;
}

/** Discards all output. */
export const DISCARD: Target = { push() {}, end() {} };

/** Keeps the stream from being read until `until` resolves. */
export function blockedUntil(until: Promise<void>): Target {
  return { ...DISCARD, backpressure: until };
}

/** Decodes a stream, and keeps its text, passes it to listeners, or both. */
export class TextTarget implements Target {
  readonly #decoder: PieceDecoder;
  readonly #listeners: Listeners | null;
  readonly #keeps: boolean;
  /** Receives the text too, if it is set. */
  follower: Follower | null = null;
  #hasEnded = false;
  #text = "";
  #tooLong: unknown = null;
  #length = 0;

  constructor(
    encoding: string,
    { keeps, listeners }: { keeps: boolean; listeners: Listeners | null },
  ) {
    this.#decoder = pieceDecoder(encoding);
    this.#keeps = keeps;
    this.#listeners = listeners;
  }

  push(piece: Uint8Array): void | Promise<void> {
    this.#length += piece.length;
    return this.#store(this.#decoder.decode(piece));
  }

  /** Whether the end was received. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  end(): void | Promise<void> {
    this.#hasEnded = true;
    const waiting = this.#store(this.#decoder.end());
    this.follower?.end();
    return waiting instanceof Promise
      ? waiting.then(() => this.#listeners?.end())
      : this.#listeners?.end();
  }

  /**
   * Returns the text.
   *
   * @throws {OutputTooLargeError} if it does not fit in one string
   */
  text(program: string): string {
    if (this.#tooLong !== null) {
      throw textTooLongError(program, this.#length, this.#tooLong);
    }
    return this.#text;
  }

  #store(text: string): void | Promise<void> {
    if (this.#keeps && this.#tooLong === null) this.#append(text);
    if (text === "") return;
    this.follower?.push(text);
    return this.#listeners?.push(text);
  }

  #append(text: string): void {
    try {
      this.#text += text;
    } catch (error) {
      // The text does not fit in one string. Listeners still get their lines, and the
      // stream is still read, so that the child does not block.
      this.#tooLong = error;
      this.#text = "";
    }
  }
}

/** Passes the lines of a stream to a queue, with backpressure. */
export class LinesTarget implements Target {
  readonly #decoder: PieceDecoder;
  readonly #splitter: LineSplitter;
  readonly #queue: BatchQueue<unknown>;
  readonly #deliver: (lines: string[]) => void;

  /** `deliver` must put the lines into `queue`. */
  constructor(
    encoding: string,
    splitter: LineSplitter,
    queue: BatchQueue<unknown>,
    deliver: (lines: string[]) => void,
  ) {
    this.#decoder = pieceDecoder(encoding);
    this.#splitter = splitter;
    this.#queue = queue;
    this.#deliver = deliver;
  }

  get backpressure(): Promise<void> | null {
    return this.#queue.backpressure;
  }

  push(piece: Uint8Array): void {
    this.#deliverAny(this.#splitter.push(this.#decoder.decode(piece)));
  }

  end(): void {
    const lines = this.#splitter.push(this.#decoder.end());
    this.#deliverAny([...lines, ...this.#splitter.end()]);
  }

  #deliverAny(lines: string[]): void {
    if (lines.length > 0) this.#deliver(lines);
  }
}

/** Passes the pieces of a stream to a queue, with backpressure. */
export class PiecesTarget implements Target {
  readonly holdsPieces = true;
  readonly #queue: BatchQueue<Uint8Array>;

  constructor(queue: BatchQueue<Uint8Array>) {
    this.#queue = queue;
  }

  get backpressure(): Promise<void> | null {
    return this.#queue.backpressure;
  }

  push(piece: Uint8Array): void {
    if (piece.length > 0) this.#queue.push(piece);
  }

  end(): void {}
}
