import type {
  StageConnection,
  StageReader,
} from "../command/stage_connection.ts";
import { runtime } from "../runtime/detect.ts";
import type { Pipe } from "../runtime/runtime.ts";
import type { Run } from "./run.ts";
import { type RunningProcess, runOf } from "./running_process.ts";

/**
 * The connections between the stages of one pipeline. Dispose of it when all stages
 * have started, or one could not be started: the children then have their own
 * descriptors, and this process must not keep the pipes open.
 */
export class StagePipes implements Disposable {
  readonly connections: readonly StagePipe[];
  /** `undefined` until a stage asks for a pipe; `null` if pipes are not available. */
  #pipes: readonly Pipe[] | null | undefined;
  #isDisposed = false;

  /** Creates the connections. The pipes are created when the first stage asks for one. */
  constructor(count: number) {
    this.connections = Array.from(
      { length: count },
      (_, index) => new StagePipe(() => this.#pipe(index)),
    );
  }

  /** Closes this process's ends of all pipes. A stage that starts later gets none. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const { writer } of this.#pipes ?? []) writer.close();
    for (const { reader } of this.#pipes ?? []) reader.close();
    for (const connection of this.connections) connection.close();
  }

  /** Creates all pipes at once: on Bun, creating one takes as long as creating twenty. */
  #pipe(index: number): Pipe | null {
    if (this.#isDisposed) return null;
    if (this.#pipes === undefined) {
      this.#pipes = runtime().pipes(this.connections.length);
    }
    return this.#pipes?.[index] ?? null;
  }
}

/** Connects one stage of a pipeline to the next. */
export class StagePipe implements StageConnection {
  readonly #getPipe: () => Pipe | null;
  readonly #whenReaderClosed = Promise.withResolvers<void>();
  /** The descriptor that the next stage reads from, if there is a pipe. */
  #reader: number | null = null;
  /** A descriptor that this connection must close. */
  #ownedReader: StageReader | null = null;
  #isReaderTaken = false;
  #isClosed = false;
  /** The run of the writing stage. */
  #source: Run | null = null;
  #captured: ReadableStream<Uint8Array> | null = null;
  #wasClosedEarly = false;

  /** `pipe` is called when a stage asks for a pipe. */
  constructor(pipe: () => Pipe | null) {
    this.#getPipe = pipe;
  }

  get captured(): ReadableStream<Uint8Array> | null {
    return this.#captured;
  }

  get whenReaderClosed(): Promise<void> {
    return this.#whenReaderClosed.promise;
  }

  /** Whether the writing stage has a pipe that the reading stage did not take. */
  get isUnread(): boolean {
    return this.#reader !== null && !this.#isReaderTaken;
  }

  /**
   * Whether the writing stage is a process, and its captured stdout was closed before
   * its end.
   */
  get wasClosedEarly(): boolean {
    return this.#wasClosedEarly;
  }

  takeWriter(): number | null {
    const pipe = this.#getPipe();
    if (pipe !== null) this.#reader = pipe.reader.descriptor;
    return pipe?.writer.descriptor ?? null;
  }

  giveReader(end: StageReader): void {
    if (this.#isClosed) return end.close();
    this.#reader = end.descriptor;
    this.#ownedReader = end;
  }

  takeReader(): number | null {
    if (this.#isClosed) return null;
    this.#isReaderTaken = true;
    return this.#reader;
  }

  /** Closes the owned descriptor. The connection gives out none from now on. */
  close(): void {
    this.#isClosed = true;
    this.#ownedReader?.close();
    this.#ownedReader = null;
  }

  /**
   * Call when the writing stage has started. Captures its stdout if it does not write
   * to a pipe.
   */
  attach(stage: RunningProcess): void {
    this.#source = runOf(stage);
    if (this.#source.stdout === null) return;
    const reader = stage.stdoutStream().getReader();
    this.#captured = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => {
        await reader.cancel();
        this.readerClosed();
      },
    }, { highWaterMark: 0 });
  }

  /**
   * Call when the reading stage reads no more. A writing stage that goes on then gets
   * SIGPIPE, as with a pipe of the kernel. Output printed before that is still passed
   * to its listeners.
   */
  readerClosed(): void {
    this.#whenReaderClosed.resolve();
    const { stdout, hasExited, backend: { pid } } = this.#source!;
    if (stdout === null) return;
    stdout.detachConsumer();
    if (hasExited) return stdout.drain();
    this.#wasClosedEarly ||= !stdout.isFinished && pid !== null;
    stdout.cut();
  }
}
