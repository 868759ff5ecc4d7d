/**
 * What joins a stage of a pipeline to the next: a pipe of the kernel's, whose ends
 * whoever starts the stages as real processes takes for them. Where the first is not
 * taken, the next stage is fed with what is captured. The pipeline closes both ends when
 * all stages are started.
 */
export interface StageLink {
  /** The descriptor that the one stage writes to; `null` where there is no such pipe. */
  takeWriter(): number | null;
  /** The descriptor that the next stage reads from; `null` where the other one was not taken. */
  takeReader(): number | null;
  /** What is captured of the one stage; `null` where it writes to the pipe. */
  readonly captured: ReadableStream<Uint8Array> | null;
}
