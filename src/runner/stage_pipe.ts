import type {
  ConnectionEnd,
  StageConnection,
} from "../command/stage_connection.ts";
import { runtime } from "../runtime/detect.ts";
import type { Pipe } from "../runtime/runtime.ts";
import type { Run } from "./run.ts";
import { type RunningProcess, runOf } from "./running_process.ts";

/**
 * The connections between the stages of one pipeline. To be disposed of when all stages have
 * started, or one could not: then the children have their ends, and nobody else does.
 */
export class StagePipes implements Disposable {
  readonly connections: readonly StagePipe[];
  /** `undefined` before anybody asked for one. */
  #pipes: readonly Pipe[] | null | undefined;
  #isDisposed = false;

  /** Makes them; no pipe is made before one is asked for. */
  constructor(count: number) {
    this.connections = Array.from(
      { length: count },
      (_, index) => new StagePipe(() => this.#pipe(index)),
    );
  }

  /** Closes the ends of all pipes. Whoever starts later gets none. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const { writer } of this.#pipes ?? []) writer.close();
    for (const { reader } of this.#pipes ?? []) reader.close();
    for (const connection of this.connections) connection.close();
  }

  /** All of them are made at once: one takes as long as twenty. */
  #pipe(index: number): Pipe | null {
    if (this.#isDisposed) return null;
    if (this.#pipes === undefined) {
      this.#pipes = runtime().pipes(this.connections.length);
    }
    return this.#pipes?.[index] ?? null;
  }
}

/** Joins one stage to the next. */
export class StagePipe implements StageConnection {
  readonly #getPipe: () => Pipe | null;
  readonly #whenReaderClosed = Promise.withResolvers<void>();
  #reader: number | null = null;
  #ownedReader: ConnectionEnd | null = null;
  #isReaderTaken = false;
  #isClosed = false;
  #source: Run | null = null;
  #captured: ReadableStream<Uint8Array> | null = null;
  #wasClosedEarly = false;

  /** Makes a connection that asks for a pipe when it needs one. */
  constructor(pipe: () => Pipe | null) {
    this.#getPipe = pipe;
  }

  get captured(): ReadableStream<Uint8Array> | null {
    return this.#captured;
  }

  get whenReaderClosed(): Promise<void> {
    return this.#whenReaderClosed.promise;
  }

  /** Whether the one stage writes to a pipe that the next one has not got. */
  get isUnread(): boolean {
    return this.#reader !== null && !this.#isReaderTaken;
  }

  /** Whether the one stage is a process, and was still running when its capture was given up. */
  get wasClosedEarly(): boolean {
    return this.#wasClosedEarly;
  }

  takeWriter(): number | null {
    const pipe = this.#getPipe();
    if (pipe !== null) this.#reader = pipe.reader.descriptor;
    return pipe?.writer.descriptor ?? null;
  }

  giveReader(end: ConnectionEnd): void {
    if (this.#isClosed) return end.close();
    this.#reader = end.descriptor;
    this.#ownedReader = end;
  }

  takeReader(): number | null {
    if (this.#isClosed) return null;
    this.#isReaderTaken = true;
    return this.#reader;
  }

  /** Closes what was given, and takes and gives no more. */
  close(): void {
    this.#isClosed = true;
    this.#ownedReader?.close();
    this.#ownedReader = null;
  }

  /** To be told when the one stage is started. */
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
   * To be told when the next stage reads no more: who goes on writing gets SIGPIPE, as
   * with a pipe of the kernel's. What was printed before is still heard.
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
