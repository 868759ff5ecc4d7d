import type { ByteSink } from "../runtime/runtime.ts";
import type { StdinReader } from "./stdin_reader.ts";

/** How a {@linkcode StdinWriter} goes about it. */
export interface StdinWriterOptions {
  /** Whether stdin is left open for somebody to take. */
  readonly staysOpen: boolean;
  /** Called if the stdinReader fails, before the child sees the end of its input. */
  readonly onFailure: (error: unknown) => void;
}

/** What is left of a child's stdin for somebody to write to. */
export interface StdinPort {
  /** Resolves once the bytes are taken: `true`, or `false` when nobody reads them any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Lets the child see the end of its input. */
  close(): Promise<void>;
}

/**
 * Writes a stdinReader to a child's stdin in the background, however slowly either
 * side goes, and closes it at the end, or leaves it open to be taken.
 */
export class StdinWriter {
  readonly #reader: StdinReader | null;
  readonly #sink: ByteSink;
  readonly #options: StdinWriterOptions;
  /** Resolves when the stdinReader is written. Never rejects. */
  readonly #written: Promise<void>;
  #isStopped = false;
  #isTakenOrClosed: boolean;
  #closing: Promise<void> | null = null;
  #stopReading: (() => void) | null = null;
  #abandonWrite: (() => void) | null = null;

  /** Starts to write. */
  constructor(
    stdinReader: StdinReader | null,
    sink: ByteSink,
    options: StdinWriterOptions,
  ) {
    this.#reader = stdinReader;
    this.#sink = sink;
    this.#options = options;
    this.#isTakenOrClosed = !options.staysOpen;
    this.#written = this.#write();
  }

  /** Takes what is left open, once; `null` for nothing. */
  take(): StdinPort | null {
    if (this.#isTakenOrClosed) return null;
    this.#isTakenOrClosed = true;
    return {
      write: (bytes) => this.#writeTaken(bytes),
      close: () => this.#close(),
    };
  }

  /** Closes what was left open and not taken, when the stdinReader is written. */
  closeUntaken(): void {
    if (this.#isTakenOrClosed) return;
    this.#isTakenOrClosed = true;
    this.#written.then(() => this.#close());
  }

  /**
   * Writes no more than what is being written. That cannot be called back, and is
   * waited for `patience` milliseconds at the most.
   */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    this.#isTakenOrClosed = true;
    this.#stopReading?.();
    this.#abandonWrite?.();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([this.#written.then(() => this.#close()), promise]);
    clearTimeout(timer);
  }

  async #write(): Promise<void> {
    try {
      for (
        let piece = await this.#next();
        piece !== null;
        piece = await this.#next()
      ) {
        if (piece.length > 0 && !await this.#sink.write(piece)) break;
      }
    } catch (error) {
      if (!this.#isStopped) this.#options.onFailure(error);
    } finally {
      this.#reader?.stop();
      if (!this.#options.staysOpen) await this.#close();
    }
  }

  async #writeTaken(bytes: Uint8Array): Promise<boolean> {
    await this.#written;
    if (this.#isStopped || this.#closing !== null) return false;
    return await new Promise((resolve, reject) => {
      // One at a time: a stream waits for a write before it makes the next.
      this.#abandonWrite = () => resolve(false);
      this.#sink.write(bytes).then(
        // Bun takes what is written to a child that has ended.
        (isTaken) => resolve(isTaken && !this.#isStopped),
        reject,
      );
    });
  }

  #close(): Promise<void> {
    this.#closing ??= this.#sink.close();
    return this.#closing;
  }

  /** The stdinReader's next piece; `null` at its end, or as soon as this is stopped. */
  #next(): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped || this.#reader === null) return resolve(null);
      this.#stopReading = () => resolve(null);
      this.#reader.next().then(resolve, reject);
    });
  }
}
