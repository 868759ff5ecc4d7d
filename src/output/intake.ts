/**
 * Reads a stream piece by piece. How long it may give nothing to read can be
 * limited at any time, and so can the whole.
 */
export class Intake {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #length = 0;
  #wasCut = false;
  #ended = false;
  #stopReading: (() => void) | null = null;
  #idle: IdleLimit | null = null;
  #lengthLimit = Infinity;
  #limitedFrom = 0;
  #onExceeded: () => void = () => {};

  /** Takes the stream's reader at once, in the same turn. */
  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** How many bytes have been read. */
  get length(): number {
    return this.#length;
  }

  /** Whether the stream was cut before it had ended. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** The next piece, or `null` at the end of the stream or when it has been cut. */
  next(): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (this.#wasCut) return resolve(this.#cancel());
      this.#stopReading = () => resolve(this.#cancel());
      this.#idle?.start();
      this.#reader.read().then(({ value }) => {
        this.#stopReading = null;
        this.#idle?.pause();
        resolve(value === undefined ? this.#end() : this.#count(value));
      }, (error) => {
        this.#end();
        reject(error);
      });
    });
  }

  /**
   * Calls `onIdle` once the stream has given nothing to read for `ms` milliseconds
   * in all. Time in which nobody asks for the next piece does not count. Replaces
   * an earlier limit.
   */
  limitIdle(ms: number, onIdle: () => void): void {
    this.#idle?.stop();
    this.#idle = this.#ended ? null : new IdleLimit(ms, onIdle);
    if (this.#stopReading !== null) this.#idle?.start();
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

  /** Stops reading: nothing more comes than what was read. */
  cut(): void {
    if (this.#ended) return;
    this.#wasCut = true;
    this.#stopReading?.();
  }

  #count(piece: Uint8Array): Uint8Array {
    this.#length += piece.length;
    if (
      this.#length > this.#lengthLimit &&
      performance.now() >= this.#limitedFrom
    ) {
      this.#lengthLimit = Infinity;
      this.#onExceeded();
    }
    return piece;
  }

  #cancel(): null {
    this.#stopReading = null;
    // Nobody waits for this: the other end may stay open as long as it likes.
    this.#reader.cancel().catch(() => {});
    return this.#end();
  }

  #end(): null {
    this.#ended = true;
    this.#idle?.stop();
    return null;
  }
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
