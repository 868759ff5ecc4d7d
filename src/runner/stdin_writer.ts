import type { StdinSource } from "../command/stdin.ts";
import { SpawnError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import { runtime } from "../runtime/detect.ts";
import type { ByteSink } from "../runtime/runtime.ts";

/** Gives a source's bytes piece by piece. */
export interface StdinSupply {
  /** The next piece, or `null` at the end. */
  next(): Promise<Uint8Array | null>;
  /** Gives the source back, at its end or before. Waits for nobody; never throws. */
  stop(): void;
}

/**
 * Makes a source ready to be read, or `null` for one that has nothing to give. A
 * one-shot source is not touched yet.
 *
 * @throws {SpawnError} if a file cannot be opened
 */
export function openSupply(
  source: StdinSource,
  program: string,
): StdinSupply | null | Promise<StdinSupply> {
  switch (source.kind) {
    case "empty":
      return null;
    case "bytes":
      return source.bytes.length === 0 ? null : bytesSupply(source.bytes);
    case "file":
      return fileSupply(source.path, program);
    case "stream":
      return streamSupply(source.stream);
    case "async-lines":
      return linesSupply(source.lines);
    case "stage": {
      const { captured } = source.link;
      return captured === null ? null : streamSupply(captured);
    }
  }
}

/** How a {@linkcode StdinFeed} goes about it. */
export interface StdinFeedOptions {
  /** Whether stdin is left open for somebody to take. */
  readonly staysOpen: boolean;
  /** Called if the supply fails, before the child sees the end of its input. */
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
 * Writes a supply to a child's stdin in the background, however slowly either
 * side goes, and closes it at the end, or leaves it open to be taken.
 */
export class StdinFeed {
  readonly #supply: StdinSupply | null;
  readonly #sink: ByteSink;
  readonly #options: StdinFeedOptions;
  /** Resolves when the supply is written. Never rejects. */
  readonly #written: Promise<void>;
  #isStopped = false;
  #isTaken: boolean;
  #closing: Promise<void> | null = null;
  #stopWaiting: (() => void) | null = null;
  #giveUpWrite: (() => void) | null = null;

  /** Starts to write. */
  constructor(
    supply: StdinSupply | null,
    sink: ByteSink,
    options: StdinFeedOptions,
  ) {
    this.#supply = supply;
    this.#sink = sink;
    this.#options = options;
    this.#isTaken = !options.staysOpen;
    this.#written = this.#write();
  }

  /** Takes what is left open, once; `null` for nothing. */
  take(): StdinPort | null {
    if (this.#isTaken) return null;
    this.#isTaken = true;
    return {
      write: (bytes) => this.#writeTaken(bytes),
      close: () => this.#close(),
    };
  }

  /** Closes what was left open and not taken, when the supply is written. */
  closeUntaken(): void {
    if (this.#isTaken) return;
    this.#isTaken = true;
    this.#written.then(() => this.#close());
  }

  /**
   * Writes no more than what is being written. That cannot be called back, and is
   * waited for `patience` milliseconds at the most.
   */
  async stop(patience: number): Promise<void> {
    this.#isStopped = true;
    this.#isTaken = true;
    this.#stopWaiting?.();
    this.#giveUpWrite?.();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, patience);
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
      this.#supply?.stop();
      if (!this.#options.staysOpen) await this.#close();
    }
  }

  async #writeTaken(bytes: Uint8Array): Promise<boolean> {
    await this.#written;
    if (this.#isStopped || this.#closing !== null) return false;
    return await new Promise((resolve, reject) => {
      // One at a time: a stream waits for a write before it makes the next.
      this.#giveUpWrite = () => resolve(false);
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

  /** The supply's next piece; `null` at its end, or as soon as this is stopped. */
  #next(): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped || this.#supply === null) return resolve(null);
      this.#stopWaiting = () => resolve(null);
      this.#supply.next().then(resolve, reject);
    });
  }
}

/** Large enough to cost few turns, small enough to stop soon. */
const PIECE_BYTES = 1 << 20;

function bytesSupply(bytes: Uint8Array): StdinSupply {
  let at = 0;
  return {
    next() {
      if (at >= bytes.length) return Promise.resolve(null);
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      at += piece.length;
      return Promise.resolve(piece);
    },
    stop() {},
  };
}

async function fileSupply(path: string, program: string): Promise<StdinSupply> {
  const { files } = runtime();
  const refuse = (reason: string, options?: { cause: unknown }) =>
    new SpawnError(
      program,
      `its stdin file ${JSON.stringify(path)} ${reason}`,
      options,
    );
  try {
    if ((await files.facts(path))?.kind === "folder") {
      throw refuse("is a folder");
    }
    const file = await files.open(path);
    let isOpen = true;
    return {
      async next() {
        const buffer = new Uint8Array(64 * 1024);
        const length = await file.read(buffer);
        return length === 0 ? null : buffer.subarray(0, length);
      },
      stop() {
        if (isOpen) file.close().catch(() => {});
        isOpen = false;
      },
    };
  } catch (cause) {
    throw cause instanceof SpawnError
      ? cause
      : refuse(`cannot be opened: ${messageOf(cause)}`, { cause });
  }
}

function streamSupply(stream: ReadableStream<Uint8Array>): StdinSupply {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return {
    async next() {
      reader ??= stream.getReader();
      const { done, value } = await reader.read();
      if (done) return null;
      if (value instanceof Uint8Array) return value;
      throw new TypeError(
        `a stdin stream has to give Uint8Arrays, and gave ${typeof value}`,
      );
    },
    stop() {
      // A stream that has ended, or failed, has nothing to cancel, and one that
      // fails to be cancelled cannot be helped.
      reader?.cancel().catch(() => {});
    },
  };
}

function linesSupply(lines: AsyncIterable<string>): StdinSupply {
  const encoder = new TextEncoder();
  let iterator: AsyncIterator<string> | undefined;
  return {
    async next() {
      iterator ??= lines[Symbol.asyncIterator]();
      const { done, value } = await iterator.next();
      if (done) iterator = undefined;
      return done ? null : encoder.encode(`${value}\n`);
    },
    stop() {
      // Not waited for: a generator that is itself waiting answers only when it goes on.
      // Nor may it fail: it is somebody else's, and nobody is left to be told.
      new Promise((resolve) => resolve(iterator?.return?.())).catch(() => {});
    },
  };
}
