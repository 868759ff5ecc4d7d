import type { LineFeed } from "./line_feed.ts";
import { type PieceDecoder, pieceDecoder } from "./piece_decoder.ts";
import { concatBytes, tooLongForText } from "./text.ts";

/** How a stream is captured. */
export interface CaptureOptions {
  /** Whether the bytes are kept, rather than the text. */
  bytes: boolean;
  /** What turns bytes into text: a `TextDecoder` label. */
  encoding: string;
  /** Gets the lines as they come; `null` when nobody listens. */
  lines: LineFeed | null;
}

/**
 * Reads a stream to its end and keeps what it reads.
 *
 * The stream is read as fast as the line handlers allow. How long it may give
 * nothing to read can be limited at any time, and so can the whole: what was read
 * until then stays.
 */
export class Capture {
  /** Resolves when nothing more will come; rejects if the stream itself failed. */
  readonly finished: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #lines: LineFeed | null;
  readonly #decoder: PieceDecoder | null;
  readonly #keepsBytes: boolean;
  #pieces: Uint8Array[] = [];
  #text = "";
  #tooLong: unknown = null;
  #length = 0;
  #truncated = false;
  #ended = false;
  #stopReading: (() => void) | null = null;
  #idle: IdleLimit | null = null;
  #lengthLimit = Infinity;
  #limitedFrom = 0;
  #onExceeded: () => void = () => {};

  /** Takes the stream's reader at once, in the same turn. */
  constructor(stream: ReadableStream<Uint8Array>, options: CaptureOptions) {
    this.#reader = stream.getReader();
    this.#lines = options.lines;
    this.#keepsBytes = options.bytes;
    this.#decoder = !options.bytes || options.lines !== null
      ? pieceDecoder(options.encoding)
      : null;
    this.finished = this.#read();
    // Whoever waits for it still sees a failure; until somebody does, it is nobody's fault.
    this.finished.catch(() => {});
  }

  /** Whether nothing more will come. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the stream was cut before it had ended. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /**
   * Calls `onIdle` once the stream has given nothing to read for `ms` milliseconds
   * in all. Time that a line handler takes does not count. Replaces an earlier limit.
   */
  limitIdle(ms: number, onIdle: () => void): void {
    this.#idle?.stop();
    this.#idle = this.#ended ? null : new IdleLimit(ms, onIdle);
    if (this.#stopReading !== null) this.#idle?.start();
  }

  /** How many bytes have been read. */
  get length(): number {
    return this.#length;
  }

  /**
   * Calls `onExceeded` once more than `bytes` bytes have been read in all, and `ms`
   * milliseconds have passed from now. Replaces an earlier limit.
   */
  limitLength(bytes: number, ms: number, onExceeded: () => void): void {
    // Looked at with every piece rather than by a timer, which a stream that always
    // has more to read could keep from ever firing.
    this.#lengthLimit = bytes;
    this.#limitedFrom = performance.now() + ms;
    this.#onExceeded = onExceeded;
  }

  /** Stops waiting for line handlers, and calls them no more; the stream is still read. */
  abandonHandlers(): void {
    this.#lines?.abandon();
  }

  /** Stops reading: what was read stays. */
  cut(): void {
    if (this.#ended) return;
    this.#truncated = true;
    this.#stopReading?.();
  }

  /**
   * All the text that was read.
   *
   * @throws {OutputTooLargeError} if it does not fit in one string
   */
  text(program: string): string {
    if (this.#tooLong !== null) {
      throw tooLongForText(program, this.#length, this.#tooLong);
    }
    return this.#text;
  }

  /** All the bytes that were read. */
  bytes(): Uint8Array {
    return concatBytes(this.#pieces);
  }

  async #read(): Promise<void> {
    try {
      for (let turn = performance.now();;) {
        const piece = await this.#next();
        if (piece === null) break;
        const step = this.#lines === null ? piece.length : MOST_HEARD_AT_ONCE;
        for (let at = 0; at < piece.length && !this.#truncated; at += step) {
          const waiting = this.#take(piece.subarray(at, at + step));
          if (waiting !== undefined) await waiting;
          if (performance.now() - turn > LONGEST_TURN_MS) {
            await nextTurn();
            turn = performance.now();
          }
        }
      }
      const waiting = this.#flush();
      if (waiting !== undefined) await waiting;
    } finally {
      this.#ended = true;
      this.#idle?.stop();
    }
  }

  /** The next piece, or `null` at the end of the stream or when it has been cut. */
  #next(): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (this.#truncated) return resolve(this.#cancel());
      this.#stopReading = () => resolve(this.#cancel());
      this.#idle?.start();
      this.#reader.read().then(({ value }) => {
        this.#stopReading = null;
        this.#idle?.pause();
        resolve(value ?? null);
      }, reject);
    });
  }

  #cancel(): null {
    this.#stopReading = null;
    this.#idle?.stop();
    // Nobody waits for this: the other end may stay open as long as it likes.
    this.#reader.cancel().catch(() => {});
    return null;
  }

  #take(piece: Uint8Array): void | Promise<void> {
    this.#length += piece.length;
    this.#checkLength();
    if (this.#keepsBytes) this.#pieces.push(compact(piece));
    if (this.#decoder === null) return;
    return this.#takeText(this.#decoder.decode(piece));
  }

  #checkLength(): void {
    if (
      this.#length <= this.#lengthLimit || performance.now() < this.#limitedFrom
    ) return;
    this.#lengthLimit = Infinity;
    this.#onExceeded();
  }

  #flush(): void | Promise<void> {
    if (this.#decoder === null) return;
    const waiting = this.#takeText(this.#decoder.end());
    return waiting instanceof Promise
      ? waiting.then(() => this.#lines?.end())
      : this.#lines?.end();
  }

  #takeText(text: string): void | Promise<void> {
    if (!this.#keepsBytes && this.#tooLong === null) this.#append(text);
    if (text !== "") return this.#lines?.push(text);
  }

  #append(text: string): void {
    try {
      this.#text += text;
    } catch (error) {
      // Handlers still get their lines and the child still gets rid of its output;
      // only the whole cannot be had any more.
      this.#tooLong = error;
      this.#text = "";
    }
  }
}

/**
 * Bun gives what it has read ahead without a turn of the event loop, in which a
 * deadline or an abort could be heard: a child that never pauses would keep both
 * from ever coming.
 */
const LONGEST_TURN_MS = 50;
/** How many bytes of lines handlers get between two looks at the clock: Bun may read megabytes at once. */
const MOST_HEARD_AT_ONCE = 64 * 1024;

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A runtime may hand out a few bytes within a large buffer, which keeping them would keep. */
function compact(piece: Uint8Array): Uint8Array {
  return piece.byteLength * 2 < piece.buffer.byteLength ? piece.slice() : piece;
}

/** A stop-watch with an alarm, that runs only while a stream is waited for. */
class IdleLimit {
  #left: number;
  readonly #onIdle: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #since = 0;

  constructor(ms: number, onIdle: () => void) {
    this.#left = ms;
    this.#onIdle = onIdle;
  }

  start(): void {
    this.#since = performance.now();
    this.#timer = setTimeout(this.#onIdle, Math.max(0, this.#left));
  }

  pause(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#left -= performance.now() - this.#since;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
