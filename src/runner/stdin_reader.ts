import type { StdinSource } from "../command/stdin.ts";
import { SpawnError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import { runtime } from "../runtime/detect.ts";

/** Reads a stdin source piece by piece. */
export interface StdinReader {
  /** Reads the next piece; `null` at the end. */
  next(): Promise<Uint8Array | null>;
  /** Releases the source, at its end or before. Does not wait, and never throws. */
  stop(): void;
}

/**
 * Opens a source for reading. Returns `null` for a source without data. A one-shot
 * source is not touched until the first read.
 *
 * @throws {SpawnError} if a file cannot be opened
 */
export function openStdin(
  source: StdinSource,
  program: string,
): StdinReader | null | Promise<StdinReader> {
  switch (source.kind) {
    case "empty":
      return null;
    case "bytes":
      return source.bytes.length === 0 ? null : bytesReader(source.bytes);
    case "file":
      return fileReader(source.path, program);
    case "stream":
      return streamReader(source.stream);
    case "async-lines":
      return linesReader(source.lines);
    case "stage": {
      const { captured } = source.connection;
      return captured === null ? null : streamReader(captured);
    }
  }
}

/**
 * The size of the pieces of in-memory sources: large enough for few writes, small
 * enough to stop soon.
 */
const PIECE_BYTES = 1 << 20;

function bytesReader(bytes: Uint8Array): StdinReader {
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

async function fileReader(path: string, program: string): Promise<StdinReader> {
  const { files } = runtime();
  const refuse = (reason: string, options?: { cause: unknown }) =>
    new SpawnError(
      program,
      `its stdin file ${JSON.stringify(path)} ${reason}`,
      options,
    );
  try {
    if ((await files.stat(path))?.kind === "folder") {
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

function streamReader(stream: ReadableStream<Uint8Array>): StdinReader {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return {
    async next() {
      reader ??= stream.getReader();
      const { done, value } = await reader.read();
      if (done) return null;
      if (value instanceof Uint8Array) return value;
      throw new TypeError(
        `stdin: expected a stream of Uint8Arrays, got ${typeof value}`,
      );
    },
    stop() {
      // A stream that has finished or failed cannot be cancelled, and a failure to
      // cancel has no consequence.
      reader?.cancel().catch(() => {});
    },
  };
}

function linesReader(lines: AsyncIterable<string>): StdinReader {
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
      // Not awaited: a generator that is waiting itself handles `return` only when it
      // continues. Its failure is ignored, since the run no longer depends on the
      // source.
      new Promise((resolve) => resolve(iterator?.return?.())).catch(() => {});
    },
  };
}
