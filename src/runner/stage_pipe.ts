import type { LinkEnd, StageLink } from "../command/stage_link.ts";
import { runtime } from "../runtime/detect.ts";
import type { Pipe } from "../runtime/runtime.ts";
import type { Run } from "./run.ts";
import { type RunningProcess, runOf } from "./running_process.ts";

/** The links between the stages of one pipeline that is started. To be disposed of when all have started, or one could not. */
export class StagePipes implements Disposable {
  readonly links: readonly StagePipe[];
  /** `undefined` before anybody asked for one. */
  #pipes: Pipe[] | null | undefined;
  readonly #open = new Set<LinkEnd>();

  /** Makes them; no pipe is made before one is asked for. */
  constructor(count: number) {
    this.links = Array.from(
      { length: count },
      (_, index) => new StagePipe(() => this.#take(index)),
    );
  }

  /** Closes the ends that nobody took. */
  [Symbol.dispose](): void {
    for (const end of this.#open) end.close();
    this.#open.clear();
  }

  /** All of them are made at once: one takes as long as twenty. */
  #take(index: number): Pipe | null {
    if (this.#pipes === undefined) {
      this.#pipes = runtime().pipes(this.links.length);
      for (const { reader, writer } of this.#pipes ?? []) {
        this.#open.add(reader).add(writer);
      }
    }
    const pipe = this.#pipes?.[index];
    return pipe === undefined
      ? null
      : { reader: this.#owned(pipe.reader), writer: this.#owned(pipe.writer) };
  }

  #owned(end: LinkEnd): LinkEnd {
    return {
      descriptor: end.descriptor,
      close: () => {
        if (this.#open.delete(end)) end.close();
      },
    };
  }
}

/** Joins one stage to the next. */
export class StagePipe implements StageLink {
  readonly #pipe: () => Pipe | null;
  #reader: LinkEnd | null = null;
  #isRead = false;
  #source: Run | null = null;
  #captured: ReadableStream<Uint8Array> | null = null;
  #wasCut = false;

  /** Makes a link that asks for a pipe when it needs one. */
  constructor(pipe: () => Pipe | null) {
    this.#pipe = pipe;
  }

  get captured(): ReadableStream<Uint8Array> | null {
    return this.#captured;
  }

  /** Whether the one stage writes to a pipe that the next one has not got. */
  get isDangling(): boolean {
    return this.#reader !== null && !this.#isRead;
  }

  /** Whether the one stage was still running when what is captured of it was given up. */
  get wasCut(): boolean {
    return this.#wasCut;
  }

  takeWriter(): LinkEnd | null {
    const pipe = this.#pipe();
    this.#reader = pipe?.reader ?? null;
    return pipe?.writer ?? null;
  }

  takeReader(): LinkEnd | null {
    this.#isRead = true;
    return this.#reader;
  }

  /** To be told when the one stage is started. */
  startedBy(process: RunningProcess): void {
    this.#source = runOf(process);
    if (this.#source.stdout === null) return;
    const reader = process.stdoutStream().getReader();
    this.#captured = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => {
        await reader.cancel();
        this.readerLeft();
      },
    }, { highWaterMark: 0 });
  }

  /**
   * To be told when the next stage reads no more: who goes on writing gets SIGPIPE, as
   * with a pipe of the kernel's. What was printed before is still heard.
   */
  readerLeft(): void {
    const { stdout, hasExited } = this.#source!;
    if (stdout === null) return;
    stdout.giveUp();
    if (hasExited) return stdout.drain();
    if (!stdout.ended) this.#wasCut = true;
    stdout.cut();
  }
}
