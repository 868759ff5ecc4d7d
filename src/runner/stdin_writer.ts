import type { ByteSink } from "../runtime/runtime.ts";
import type { StdinReader } from "./stdin_reader.ts";

/** Options of a {@linkcode StdinWriter}. */
export interface StdinWriterOptions {
  /** Whether stdin stays open after the source, so that a caller can take it. */
  readonly staysOpen: boolean;
  /** Called if reading the source fails, before stdin is closed. */
  readonly onFailure: (error: unknown) => void;
}

/** The stdin of a child, as a caller that took it writes to it. */
export interface StdinPort {
  /**
   * Writes bytes. Resolves with `true` once they are accepted, or `false` if the child
   * no longer reads.
   */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Closes stdin, so that the child reads the end of its input. */
  close(): Promise<void>;
}

/**
 * Writes a source to a child's stdin in the background, at the pace of the slower side.
 * At the end of the source it closes stdin, or leaves it open to be taken.
 */
export class StdinWriter {
  readonly #reader: StdinReader | null;
  readonly #sink: ByteSink;
  readonly #options: StdinWriterOptions;
  /** Resolves when the source is written. Never rejects. */
  readonly #written: Promise<void>;
  #isStopped = false;
  #isTakenOrClosed: boolean;
  #closing: Promise<void> | null = null;
  #stopReading: (() => void) | null = null;
  #abandonWrite: (() => void) | null = null;

  /** Starts writing. */
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

  /** Takes a stdin that was left open, once; otherwise returns `null`. */
  take(): StdinPort | null {
    if (this.#isTakenOrClosed) return null;
    this.#isTakenOrClosed = true;
    return {
      write: (bytes) => this.#writeTaken(bytes),
      close: () => this.#close(),
    };
  }

  /** Closes a stdin that was left open and not taken, once the source is written. */
  closeUntaken(): void {
    if (this.#isTakenOrClosed) return;
    this.#isTakenOrClosed = true;
    this.#written.then(() => this.#close());
  }

  /**
   * Stops after the write in progress. That write cannot be cancelled; it is awaited
   * for at most `timeoutMs` milliseconds.
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
      // There is only one write at a time: a `WritableStream` awaits each write before
      // the next.
      this.#abandonWrite = () => resolve(false);
      this.#sink.write(bytes).then(
        // Bun reports success for data written to a child that has exited.
        (isTaken) => resolve(isTaken && !this.#isStopped),
        reject,
      );
    });
  }

  #close(): Promise<void> {
    this.#closing ??= this.#sink.close();
    return this.#closing;
  }

  /**
   * Reads the next piece of the source; `null` at its end, or as soon as this writer is
   * stopped.
   */
  #next(): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped || this.#reader === null) return resolve(null);
      this.#stopReading = () => resolve(null);
      this.#reader.next().then(resolve, reject);
    });
  }
}
