import { OutputConsumedError, OutputTooLargeError } from "../outcome/errors.ts";
import type { OutputStream } from "../outcome/result.ts";
import type { StreamTranscript } from "../outcome/transcript.ts";
import { Backlog } from "./backlog.ts";
import type { BatchQueue } from "./batch_queue.ts";
import { type BufferLimits, isLimited } from "./buffer_limits.ts";
import { ByteLines, LineCount } from "./byte_lines.ts";
import { Follower } from "./follower.ts";
import {
  type LineLimit,
  LineSplitter,
  type LineTerminator,
} from "./line_splitter.ts";
import { type ListenerOptions, Listeners } from "./listeners.ts";
import { completeLength } from "./piece_decoder.ts";
import { PieceReader } from "./piece_reader.ts";
import { pump } from "./pump.ts";
import {
  blockedUntil,
  DISCARD,
  LinesTarget,
  PiecesTarget,
  type Target,
  TextTarget,
} from "./targets.ts";
import { concatBytes, lossyDecoder, wholeText } from "./text.ts";
import { TranscriptTarget } from "./transcript.ts";

/** How one output stream of a run is processed. */
export interface OutputOptions
  extends Pick<ListenerOptions, "handlers" | "tees" | "errors"> {
  readonly program: string;
  readonly name: OutputStream;
  /** The encoding of the bytes: a `TextDecoder` label. */
  readonly encoding: string;
  readonly terminator: LineTerminator;
  /** The limits on the output that is kept until the run ends or a consumer takes it. */
  readonly limits: BufferLimits;
  /** What the output is kept as: text, bytes, or undecided until a consumer takes it. */
  readonly use: "text" | "bytes" | "undecided";
  /** Whether lines are counted. */
  readonly countsLines: boolean;
  /** Whether a transcript of all output is kept, whatever the limits drop. */
  readonly keepsTranscript: boolean;
  /** Reading starts once this has resolved; `null` to start at once. */
  readonly readAfter: Promise<unknown> | null;
  /** Called once, when `limits.overflow` is `"error"` and the output exceeds a limit. */
  readonly onOverflow: () => void;
}

/**
 * One output stream of a run.
 *
 * It is read all the time, at the pace of its line handlers and tees, and kept within
 * the limits, until a consumer takes it. From then on the consumer sets the pace.
 */
export class Output {
  /** Resolves when the stream has finished or was cut. Rejects if reading it fails. */
  readonly finished: Promise<void>;
  readonly #options: OutputOptions;
  readonly #reader: PieceReader;
  readonly #lines: ByteLines;
  readonly #lineLimit: LineLimit | null;
  readonly #listeners: Listeners | null;
  readonly #streamed = Promise.withResolvers<void>();
  readonly #transcript: TranscriptTarget | null;
  #target: Target;
  readonly #extraTargets: Target[] = [];
  /** The queue of a streaming consumer; `null` if there is none. */
  #queue: BatchQueue<unknown> | null = null;
  #takenBy: string | null = null;
  #isTakenAsBytes: boolean;
  #splitLineCount = 0;
  /**
   * Counts lines in bytes; lines that a consumer takes are counted when they are split.
   */
  #byteLineCount: LineCount | null;
  #follower: Follower | null = null;
  #hasDropped = false;
  #hasOverflowed = false;
  /** Whether the target has received the end. Handlers and tees may still be busy. */
  #hasTargetEnded = false;
  #isFinished = false;
  #changed: PromiseWithResolvers<void> | null = null;
  #resume: (() => void) | null = null;

  /** Takes the stream's reader in the same turn. */
  constructor(stream: ReadableStream<Uint8Array>, options: OutputOptions) {
    const { encoding, terminator, limits, use, countsLines } = options;
    this.#options = options;
    this.#isTakenAsBytes = use === "bytes";
    this.#reader = new PieceReader(stream);
    this.#lines = new ByteLines(encoding, terminator);
    this.#lineLimit = this.#limitOf(limits);
    this.#listeners = Listeners.of({ ...options, limit: this.#lineLimit });
    this.#byteLineCount = countsLines ? new LineCount(this.#lines) : null;
    if (use === "text" && !isLimited(limits)) {
      this.#target = new TextTarget(encoding, {
        keeps: true,
        listeners: this.#listeners,
      });
    } else {
      this.#target = new Backlog(
        encoding,
        this.#lines,
        limits,
        () => this.#reportOverflow(),
      );
      // The stderr of a live process can be followed at any time.
      if (this.#listeners !== null || (countsLines && use === "text")) {
        this.#extraTargets.push(
          new TextTarget(encoding, {
            keeps: false,
            listeners: this.#listeners,
          }),
        );
      }
    }
    this.#transcript = options.keepsTranscript
      ? new TranscriptTarget(encoding)
      : null;
    this.finished = this.#read();
    // A caller that awaits `finished` still gets the error. This prevents an unhandled
    // rejection if no caller does.
    this.finished.catch(() => {});
  }

  /** Whether the stream has finished or was cut. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The number of bytes read. */
  get length(): number {
    return this.#reader.length;
  }

  /**
   * The number of lines read. A last line without a terminator counts once the stream
   * has finished.
   */
  get lineCount(): number {
    return this.#splitLineCount +
      (this.#byteLineCount?.get(this.#isFinished) ?? 0);
  }

  /**
   * Whether the stream was read to its end. False if a consumer detached and the rest
   * was not drained.
   */
  get isComplete(): boolean {
    return this.#isFinished && this.#resume === null;
  }

  /** Whether the stream was cut before its end. */
  get wasCut(): boolean {
    return this.#reader.wasCut;
  }

  /** Whether output is missing: the stream was cut, or the limits dropped some of it. */
  get truncated(): boolean {
    return this.#reader.wasCut || this.#hasDropped ||
      (this.#target instanceof Backlog && this.#target.hasDropped);
  }

  /** Resolves when a streaming consumer has taken the output. */
  get whenStreamed(): Promise<void> {
    return this.#streamed.promise;
  }

  /**
   * See {@linkcode PieceReader.limitIdle}. Time spent waiting for listeners or a
   * consumer does not count.
   */
  limitIdle(ms: number, onIdle: () => void): void {
    this.#reader.limitIdle(ms, onIdle);
  }

  /** See {@linkcode PieceReader.limitLength}. */
  limitLength(bytes: number, ms: number, onExceeded: () => void): void {
    this.#reader.limitLength(bytes, ms, onExceeded);
  }

  /**
   * Stops waiting for listeners and consumers, and passes nothing more to them. The
   * stream is still read.
   */
  abandon(): void {
    this.#listeners?.abandon();
    this.#follower?.abandon();
    this.drain();
    if (this.#queue === null) return;
    this.#target = this.#isStreamed() ? DISCARD : this.#target;
    this.#queue.abandon();
  }

  /** Stops reading. Output already read is kept. */
  cut(): void {
    this.#reader.cut();
    this.drain();
  }

  /**
   * Returns the error for output that exceeded a limit whose `overflow` is `"error"`;
   * `null` if it did not.
   */
  overflowError(): OutputTooLargeError | null {
    if (!this.#hasOverflowed) return null;
    const { program, name, limits: { maxBytes, maxLines } } = this.#options;
    const limit = [
      maxLines < Infinity ? `${maxLines} lines` : "",
      maxBytes < Infinity ? `${maxBytes} bytes` : "",
    ].filter((part) => part !== "").join(" or ");
    return new OutputTooLargeError(
      program,
      `${name} is more than ${limit}, the limit of the command's outputBuffer, so the run was killed; raise the limit, or set overflow to "drop-oldest" or "drop-newest"`,
    );
  }

  /**
   * Takes the output to keep it as text or bytes. `consumer` is the method's name, for
   * errors.
   *
   * @throws {OutputConsumedError} if another consumer has it
   */
  takeWhole(consumer: string, use: "text" | "bytes"): void {
    const backlog = this.#claim(consumer);
    this.#isTakenAsBytes = use === "bytes";
    if (use === "bytes" || backlog.isLimited) return;
    this.#replaceBacklog(
      backlog,
      new TextTarget(this.#options.encoding, { keeps: true, listeners: null }),
    );
  }

  /**
   * Puts the lines into `queue`, at the pace at which the queue is read.
   *
   * @throws {OutputConsumedError} if another consumer has the output
   */
  takeLines<T>(
    consumer: string,
    queue: BatchQueue<T>,
    batchOf: (lines: string[]) => T,
  ): void {
    const backlog = this.#claim(consumer);
    let isMoving = true;
    const deliver = (lines: string[]) => {
      // The lines of the backlog were counted when they arrived.
      if (!isMoving) this.#splitLineCount += lines.length;
      queue.push(batchOf(lines));
    };
    const splitter = this.#splitter(backlog.startsAfterCr);
    const { encoding } = this.#options;
    this.#startStreaming(queue);
    this.#replaceBacklog(
      backlog,
      new LinesTarget(encoding, splitter, queue, deliver),
    );
    isMoving = false;
    this.#splitLineCount = this.lineCount;
    this.#byteLineCount &&= new LineCount(this.#lines);
  }

  /** Puts the pieces into `queue`; otherwise like {@linkcode Output.takeLines}. */
  takePieces(consumer: string, queue: BatchQueue<Uint8Array>): void {
    const backlog = this.#claim(consumer);
    this.#isTakenAsBytes = true;
    this.#startStreaming(queue);
    this.#replaceBacklog(backlog, new PiecesTarget(queue));
  }

  /** Puts the lines into `queue` too, starting with those already kept. */
  follow<T>(
    queue: BatchQueue<T>,
    batchOf: (lines: string[]) => T,
  ): Follower {
    const follower = new Follower(
      this.#splitter(false),
      queue as BatchQueue<unknown>,
      (lines) => queue.push(batchOf(lines)),
    );
    follower.push(this.textSoFar());
    const target = this.#textTarget();
    if (target.hasEnded) follower.end();
    else target.follower = follower;
    this.#follower = follower;
    return follower;
  }

  /** Lets the stream be read without waiting for the follower's consumer. */
  unthrottleFollower(): void {
    this.#follower?.unthrottle();
  }

  /**
   * Detaches a streaming consumer. Nothing more is read until {@linkcode Output.drain}.
   */
  detachConsumer(): void {
    if (!this.#isStreamed()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resume = resolve;
    this.#target = blockedUntil(promise);
    this.#queue?.abandon();
  }

  /**
   * After {@linkcode Output.detachConsumer}, reads the stream to its end and discards
   * it.
   */
  drain(): void {
    if (this.#resume === null) return;
    this.#target = DISCARD;
    this.#resume();
    this.#resume = null;
  }

  /**
   * Lets a probe search the output that no consumer has taken.
   *
   * @throws {OutputConsumedError} if a consumer has taken it, or another probe is
   *   searching it
   */
  beginSearch(consumer: string): Backlog {
    const backlog = this.#claim(consumer);
    this.#takenBy = `${consumer}, which is still waiting`;
    backlog.beginSearch();
    return backlog;
  }

  /**
   * Ends a search of {@linkcode Output.beginSearch}. A consumer can then take the
   * output.
   */
  endSearch(backlog: Backlog): void {
    backlog.endSearch();
    this.#takenBy = null;
  }

  /** Resolves when more output has arrived, or the stream has finished. */
  changed(): Promise<void> {
    if (this.#isFinished) return Promise.resolve();
    this.#changed ??= Promise.withResolvers();
    return this.#changed.promise;
  }

  /**
   * Returns the text that is kept.
   *
   * @throws {OutputTooLargeError} if it does not fit in one string
   */
  text(): string {
    const { program, encoding } = this.#options;
    if (this.#target instanceof TextTarget) return this.#target.text(program);
    return wholeText(program, encoding, this.bytes());
  }

  /**
   * Returns the transcript, with times relative to `start`. Requires `keepsTranscript`.
   */
  transcript(start: number): StreamTranscript {
    return this.#transcript!.get(start);
  }

  /** Whether a consumer took the output as bytes. */
  get isTakenAsBytes(): boolean {
    return this.#isTakenAsBytes;
  }

  /**
   * Returns the bytes that are kept; empty if the output was kept as text or streamed.
   */
  bytes(): Uint8Array {
    return this.#target instanceof Backlog
      ? concatBytes(this.#target.pieces)
      : new Uint8Array(0);
  }

  async #read(): Promise<void> {
    try {
      await this.#options.readAfter;
      await pump(this.#reader, {
        backpressure: () => this.#backpressure(),
        makesLines: () =>
          this.#listeners !== null || this.#target instanceof LinesTarget,
        holdsPieces: () => this.#target.holdsPieces === true,
        push: (piece) => this.#push(piece),
        end: () => this.#end(),
      });
    } finally {
      this.#isFinished = true;
      this.#listeners?.abandon();
      this.#wake();
    }
  }

  #push(piece: Uint8Array): void | Promise<void> {
    // The transcript comes first: a slow handler must not delay the recorded time.
    this.#transcript?.push(piece);
    if (!(this.#target instanceof LinesTarget)) this.#byteLineCount?.add(piece);
    const waiting = this.#target.push(piece);
    this.#wake();
    if (this.#extraTargets.length === 0) return waiting;
    return this.#passToExtraTargets(waiting, (target) => target.push(piece));
  }

  #end(): void | Promise<void> {
    this.#hasTargetEnded = true;
    const waiting = this.#target.end();
    this.#wake();
    if (this.#extraTargets.length === 0) return waiting;
    return this.#passToExtraTargets(waiting, (target) => target.end());
  }

  async #passToExtraTargets(
    waiting: void | Promise<void>,
    action: (target: Target) => void | Promise<void>,
  ): Promise<void> {
    await waiting;
    for (const target of this.#extraTargets) await action(target);
  }

  #backpressure(): Promise<void> | null {
    return this.#target.backpressure ?? this.#follower?.backpressure ?? null;
  }

  #isStreamed(): boolean {
    return this.#target instanceof LinesTarget ||
      this.#target instanceof PiecesTarget;
  }

  /** Returns the text kept so far, without a last character that is incomplete. */
  textSoFar(): string {
    if (!(this.#target instanceof Backlog)) return this.text();
    const { encoding } = this.#options;
    const bytes = this.bytes();
    return lossyDecoder(encoding).decode(
      this.#isFinished
        ? bytes
        : bytes.subarray(0, completeLength(encoding, bytes)),
    );
  }

  /** The target that decodes the stream to text. */
  #textTarget(): TextTarget {
    if (this.#target instanceof TextTarget) return this.#target;
    return this.#extraTargets.findLast((other) => other instanceof TextTarget)!;
  }

  #claim(consumer: string): Backlog {
    const { program, name } = this.#options;
    if (this.#takenBy !== null || !(this.#target instanceof Backlog)) {
      throw new OutputConsumedError(
        program,
        name,
        consumer,
        this.#takenBy ?? consumer,
      );
    }
    this.#takenBy = consumer;
    return this.#target;
  }

  #startStreaming<T>(queue: BatchQueue<T>): void {
    this.#queue = queue as BatchQueue<unknown>;
    this.#streamed.resolve();
  }

  /** Moves the kept output to `target`, which then receives all further output. */
  #replaceBacklog(backlog: Backlog, target: Target): void {
    this.#hasDropped ||= backlog.hasDropped;
    for (const piece of backlog.pieces) target.push(piece);
    if (backlog.incompleteUnit.length > 0) target.push(backlog.incompleteUnit);
    if (this.#hasTargetEnded) target.end();
    this.#target = target;
  }

  #splitter(afterCarriageReturn: boolean): LineSplitter {
    return new LineSplitter(this.#options.terminator, this.#lineLimit, {
      afterCarriageReturn,
    });
  }

  #limitOf({ maxBytes, overflow }: BufferLimits): LineLimit | null {
    if (maxBytes === Infinity) return null;
    return {
      maxLength: maxBytes,
      keeps: overflow === "drop-oldest" ? "tail" : "head",
      onCut: () => {
        this.#hasDropped = true;
        if (overflow === "error") this.#reportOverflow();
      },
    };
  }

  #reportOverflow(): void {
    if (this.#hasOverflowed) return;
    this.#hasOverflowed = true;
    this.#options.onOverflow();
  }

  #wake(): void {
    this.#changed?.resolve();
    this.#changed = null;
  }
}
