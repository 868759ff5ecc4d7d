/** One end of the pipe between two stages, to be given to a child. */
export interface LinkEnd {
  readonly descriptor: number;
  /** To be called when the child has it; the pipeline closes what no child was given. */
  close(): void;
}

/**
 * What joins a stage of a pipeline to the next: a pipe of the kernel's, whose ends
 * whoever starts the stages as real processes takes, once. Where the first is not
 * taken, the next stage is fed with what is captured.
 */
export interface StageLink {
  /** The end that the one stage writes to; `null` where there is no such pipe. */
  takeWriter(): LinkEnd | null;
  /** The end that the next stage reads from; `null` where the other one was not taken. */
  takeReader(): LinkEnd | null;
  /** What is captured of the one stage; `null` where it writes to the pipe. */
  readonly captured: ReadableStream<Uint8Array> | null;
}
