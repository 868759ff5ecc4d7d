import type { BatchQueue } from "./batch_queue.ts";
import type { Follower } from "./follower.ts";
import type { LineSplitter } from "./line_splitter.ts";
import type { Listeners } from "./listeners.ts";
import { type PieceDecoder, pieceDecoder } from "./piece_decoder.ts";
import { textTooLongError } from "./text.ts";

/** Where the pieces of a stream go. */
export interface Target {
  /** Takes a piece. A promise is returned only if somebody has to be waited for. */
  push(piece: Uint8Array): void | Promise<void>;
  /** Says that there are no more. */
  end(): void | Promise<void>;
  /** Whether it holds on to pieces, rather than to what it makes of them at once. */
  readonly holdsPieces?: boolean;
  /** A promise while no further piece is to be read. */
  readonly backpressure?: Promise<void> | null;
}

/** Where nothing is kept. */
export const DISCARD: Target = { push() {}, end() {} };

/** Where nothing goes, because nothing is to be read. */
export function blockedUntil(until: Promise<void>): Target {
  return { ...DISCARD, backpressure: until };
}

/** Keeps the text of a stream, or has it heard, or both. */
export class TextTarget implements Target {
  readonly #decoder: PieceDecoder;
  readonly #listeners: Listeners | null;
  readonly #keeps: boolean;
  /** Who has the text as lines as well, if anybody. */
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

  /** Whether it was told of the end. */
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
   * All the text there was.
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
      // Listeners still get their lines and the child still gets rid of its output;
      // only the whole cannot be had any more.
      this.#tooLong = error;
      this.#text = "";
    }
  }
}

/** Hands the lines of a stream on, as fast as they are taken. */
export class LinesTarget implements Target {
  readonly #decoder: PieceDecoder;
  readonly #splitter: LineSplitter;
  readonly #queue: BatchQueue<unknown>;
  readonly #deliver: (lines: string[]) => void;

  /** `deliver` puts lines into `queue`. */
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

/** Hands the pieces of a stream on, as fast as they are taken. */
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
