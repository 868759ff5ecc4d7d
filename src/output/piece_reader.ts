/** How much is read at once where the reader brings the buffer: all that a pipe usually holds. */
const BUFFER_BYTES = 64 * 1024;

const NO_BUFFER = new ArrayBuffer(0);

/**
 * Reads a stream piece by piece. Where the stream reads into a buffer of its
 * reader's, that is one and the same for all pieces: a new one for each takes Deno
 * as long as the rest of the reading.
 *
 * How long it may give nothing to read can be limited at any time, and so can the
 * whole.
 */
export class PieceReader {
  readonly #reader:
    | ReadableStreamDefaultReader<Uint8Array>
    | ReadableStreamBYOBReader;
  readonly #read: () => Promise<{ value?: Uint8Array; done: boolean }>;
  #buffer = NO_BUFFER;
  #length = 0;
  #wasCut = false;
  #isFinished = false;
  #isReading = false;
  #idle: IdleLimit | null = null;
  #lengthLimit = Infinity;
  #lengthLimitStart = 0;
  #onExceeded: () => void = () => {};

  /** Takes the stream's reader at once, in the same turn. */
  constructor(stream: ReadableStream<Uint8Array>) {
    const reader = byobReaderOf(stream);
    this.reusesBuffer = reader !== null;
    if (reader === null) {
      const reader = stream.getReader();
      this.#reader = reader;
      this.#read = () => reader.read();
    } else {
      this.#reader = reader;
      this.#buffer = new ArrayBuffer(BUFFER_BYTES);
      this.#read = () => reader.read(new Uint8Array(this.#buffer));
    }
  }

  /** Whether a piece is only there until the next one is asked for. */
  readonly reusesBuffer: boolean;

  /** How many bytes have been read. */
  get length(): number {
    return this.#length;
  }

  /** Whether the stream was cut before it had ended. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  /** The next piece, or `null` at the end of the stream or when it has been cut. */
  async next(): Promise<Uint8Array | null> {
    if (this.#wasCut) return this.#end();
    this.#isReading = true;
    this.#idle?.start();
    try {
      const { value, done } = await this.#read();
      if (done || value === undefined) return this.#end();
      // It came back by way of the piece.
      if (this.reusesBuffer) this.#buffer = value.buffer as ArrayBuffer;
      return this.#count(value);
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      this.#isReading = false;
      this.#idle?.pause();
    }
  }

  /**
   * Gives a piece back that nobody holds on to. Its memory is free at once then, and
   * used again for one of the next pieces, while it is still in the processor's
   * caches: Bun takes a quarter less time for it than if it had to be collected.
   */
  release({ buffer, byteLength }: Uint8Array): void {
    if (
      !this.reusesBuffer && byteLength === buffer.byteLength &&
      buffer instanceof ArrayBuffer
    ) buffer.transfer(0);
  }

  /**
   * Calls `onIdle` once the stream has given nothing to read for `ms` milliseconds
   * in all. Time in which nobody asks for the next piece does not count. Replaces
   * an earlier limit.
   */
  limitIdle(ms: number, onIdle: () => void): void {
    this.#idle?.stop();
    this.#idle = this.#isFinished ? null : new IdleLimit(ms, onIdle);
    if (this.#isReading) this.#idle?.start();
  }

  /**
   * Calls `onExceeded` once more than `bytes` bytes have been read in all, and `ms`
   * milliseconds have passed from now. Replaces an earlier limit.
   */
  limitLength(bytes: number, ms: number, onExceeded: () => void): void {
    // Looked at with every piece rather than by a timer, which a stream that always
    // has more to read could keep from ever firing.
    this.#lengthLimit = bytes;
    this.#lengthLimitStart = performance.now() + ms;
    this.#onExceeded = onExceeded;
  }

  /** Stops reading: nothing more comes than what was read. */
  cut(): void {
    if (this.#isFinished) return;
    this.#wasCut = true;
    // A read that is under way ends by it. Nobody waits for more: the other end may
    // stay open as long as it likes.
    this.#reader.cancel().catch(() => {});
  }

  #count(piece: Uint8Array): Uint8Array {
    this.#length += piece.length;
    if (
      this.#length > this.#lengthLimit &&
      performance.now() >= this.#lengthLimitStart
    ) {
      this.#lengthLimit = Infinity;
      this.#onExceeded();
    }
    return piece;
  }

  #end(): null {
    this.#isFinished = true;
    this.#idle?.stop();
    return null;
  }
}

/** `null` for a stream that brings buffers of its own. */
function byobReaderOf(
  stream: ReadableStream<Uint8Array>,
): ReadableStreamBYOBReader | null {
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    return null;
  }
}

/** A stop-watch with an alarm, that runs only while a stream is waited for. */
class IdleLimit {
  #leftMs: number;
  readonly #onIdle: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #startedAt = 0;

  constructor(ms: number, onIdle: () => void) {
    this.#leftMs = ms;
    this.#onIdle = onIdle;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#timer = setTimeout(this.#onIdle, Math.max(0, this.#leftMs));
  }

  pause(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#leftMs -= performance.now() - this.#startedAt;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
