/** The reading end of the pipe between two stages. */
export interface StageReader {
  readonly descriptor: number;
  close(): void;
}

/**
 * The connection between two stages of a pipeline, the writing and the reading stage. It is a
 * kernel pipe if a runner of real processes can create one. Otherwise the stdout of the
 * writing stage is captured and written to the stdin of the reading stage. The pipeline
 * closes its own descriptors when all stages are started.
 */
export interface StageConnection {
  /** Returns the descriptor for the stdout of the writing stage, or `null` if there is none before that stage is started. */
  takeWriter(): number | null;
  /** Provides the reading end of the pipe, once the writing stage is started. */
  giveReader(end: StageReader): void;
  /** Returns the descriptor for the stdin of the reading stage, or `null` if there is none. */
  takeReader(): number | null;
  /** The captured stdout of the writing stage, or `null` if that stage writes to a pipe. */
  readonly captured: ReadableStream<Uint8Array> | null;
  /** Resolves when the reading stage has stopped reading. */
  readonly whenReaderClosed: Promise<void>;
}
