/** The end of a pipe that a stage is to read from. */
export interface ConnectionEnd {
  readonly descriptor: number;
  close(): void;
}

/**
 * What joins a stage of a pipeline to the next: a pipe of the kernel's, if whoever
 * starts them as real processes can make one of it. Otherwise the next stage is fed with
 * what is captured of the one before. The pipeline closes what it was given when all
 * stages are started.
 */
export interface StageConnection {
  /** The descriptor that the one stage is to write to; `null` where there is none beforehand. */
  takeWriter(): number | null;
  /** Says from what the one stage, which is started, can be read. */
  giveReader(end: ConnectionEnd): void;
  /** The descriptor that the next stage is to read from; `null` where there is none. */
  takeReader(): number | null;
  /** What is captured of the one stage; `null` where it writes to a pipe. */
  readonly captured: ReadableStream<Uint8Array> | null;
  /** Resolves when the next stage reads no more. */
  readonly whenReaderClosed: Promise<void>;
}
