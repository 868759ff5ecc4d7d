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

/** How the output of a run on one of its streams is dealt with. */
export interface OutputOptions
  extends Pick<ListenerOptions, "handlers" | "tees" | "errors"> {
  readonly program: string;
  readonly name: OutputStream;
  /** What turns bytes into text: a `TextDecoder` label. */
  readonly encoding: string;
  readonly terminator: LineTerminator;
  /** How much is kept for whoever wants all of it. */
  readonly limits: BufferLimits;
  /** What it is for: its text, its bytes, or what somebody is still to say. */
  readonly use: "text" | "bytes" | "undecided";
  /** Whether its lines are counted. */
  readonly countsLines: boolean;
  /** Whether all of it is kept beside that. */
  readonly keepsTranscript: boolean;
  /** Nothing is read before this has resolved; `null` for at once. */
  readonly readAfter: Promise<unknown> | null;
  /** Called when more came than may be kept, and that is an error. */
  readonly onOverflow: () => void;
}

/**
 * One output stream of a run, from its first byte to its end.
 *
 * It is read all the time, as fast as line handlers and tees allow, and kept within
 * its limits, until somebody takes it: from then on it is read at the taker's pace.
 */
export class Output {
  /** Resolves when nothing more will come; rejects if the stream itself failed. */
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
  /** Where the taker's share waits; `null` while there is no taker. */
  #queue: BatchQueue<unknown> | null = null;
  #takenBy: string | null = null;
  #isTakenAsBytes: boolean;
  #splitLineCount = 0;
  /** Counts what is not cut into lines anyway. */
  #byteLineCount: LineCount | null;
  #follower: Follower | null = null;
  #hasDropped = false;
  #hasOverflowed = false;
  /** Whether the main target was told of the end; handlers and tees may still be at work. */
  #hasTargetEnded = false;
  #isFinished = false;
  #changed: PromiseWithResolvers<void> | null = null;
  #resume: (() => void) | null = null;

  /** Takes the stream's reader at once, in the same turn. */
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
      // stderr of a live process may be followed at any time.
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
    // Whoever waits for it still sees a failure; until somebody does, it is nobody's fault.
    this.finished.catch(() => {});
  }

  /** Whether nothing more will come. */
  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** How many bytes have been read. */
  get length(): number {
    return this.#reader.length;
  }

  /** How many lines have been read; one without an end counts when nothing more will come. */
  get lineCount(): number {
    return this.#splitLineCount +
      (this.#byteLineCount?.get(this.#isFinished) ?? 0);
  }

  /** Whether it was read to its end, and not given up. */
  get isComplete(): boolean {
    return this.#isFinished && this.#resume === null;
  }

  /** Whether it was cut before its end. */
  get wasCut(): boolean {
    return this.#reader.wasCut;
  }

  /** Whether some of it is missing: it was cut before its end, or was more than may be kept. */
  get truncated(): boolean {
    return this.#reader.wasCut || this.#hasDropped ||
      (this.#target instanceof Backlog && this.#target.hasDropped);
  }

  /** Resolves when somebody has it who reads at a pace of their own. */
  get whenStreamed(): Promise<void> {
    return this.#streamed.promise;
  }

  /** See {@linkcode PieceReader.limitIdle}; time that listeners or a taker need does not count. */
  limitIdle(ms: number, onIdle: () => void): void {
    this.#reader.limitIdle(ms, onIdle);
  }

  /** See {@linkcode PieceReader.limitLength}. */
  limitLength(bytes: number, ms: number, onExceeded: () => void): void {
    this.#reader.limitLength(bytes, ms, onExceeded);
  }

  /** Stops waiting for listeners and for a taker, and gives them no more; the stream is still read. */
  abandon(): void {
    this.#listeners?.abandon();
    this.#follower?.abandon();
    this.drain();
    if (this.#queue === null) return;
    this.#target = this.#isStreamed() ? DISCARD : this.#target;
    this.#queue.abandon();
  }

  /** Stops reading: what was read stays. */
  cut(): void {
    this.#reader.cut();
    this.drain();
  }

  /**
   * The error for output that was more than may be kept, if that is one; else `null`.
   */
  overflowError(): OutputTooLargeError | null {
    if (!this.#hasOverflowed) return null;
    const { program, name, limits: { maxBytes, maxLines } } = this.#options;
    const most = [
      maxLines < Infinity ? `${maxLines} lines` : "",
      maxBytes < Infinity ? `${maxBytes} bytes` : "",
    ].filter((part) => part !== "").join(" or ");
    return new OutputTooLargeError(
      program,
      `${name} is more than ${most}, which is all that its outputBuffer allows; the run was ended`,
    );
  }

  /**
   * Has it kept as text, or as bytes, for `by`.
   *
   * @throws {OutputConsumedError} if somebody else has it
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
   * Has its lines put into `queue` for `by`, who reads at a pace of their own.
   *
   * @throws {OutputConsumedError} if somebody else has it
   */
  takeLines<T>(
    consumer: string,
    queue: BatchQueue<T>,
    batchOf: (lines: string[]) => T,
  ): void {
    const backlog = this.#claim(consumer);
    let isMoving = true;
    const deliver = (lines: string[]) => {
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

  /** Has its pieces put into `queue` for `by`; like {@linkcode Output.takeLines} otherwise. */
  takePieces(consumer: string, queue: BatchQueue<Uint8Array>): void {
    const backlog = this.#claim(consumer);
    this.#isTakenAsBytes = true;
    this.#startStreaming(queue);
    this.#replaceBacklog(backlog, new PiecesTarget(queue));
  }

  /** Has its lines put into `queue` as well, beginning with those that are kept. */
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

  /** Has a follower set no pace any more. */
  unthrottleFollower(): void {
    this.#follower?.unthrottle();
  }

  /** Gives up what was taken: no more is read until {@linkcode Output.drain}. */
  detachConsumer(): void {
    if (!this.#isStreamed()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resume = resolve;
    this.#target = blockedUntil(promise);
    this.#queue?.abandon();
  }

  /** Has what was given up read to its end, and kept nowhere. */
  drain(): void {
    if (this.#resume === null) return;
    this.#target = DISCARD;
    this.#resume();
    this.#resume = null;
  }

  /**
   * What is there and was not taken, for `by` to look through.
   *
   * @throws {OutputConsumedError} if somebody has taken it, or looks through it
   */
  beginSearch(consumer: string): Backlog {
    const backlog = this.#claim(consumer);
    this.#takenBy = `${consumer}, which is still waiting`;
    backlog.beginSearch();
    return backlog;
  }

  /** Ends what {@linkcode Output.backlog} began: it can be taken again. */
  endSearch(backlog: Backlog): void {
    backlog.endSearch();
    this.#takenBy = null;
  }

  /** Resolves when more is there, or nothing more will come. */
  changed(): Promise<void> {
    if (this.#isFinished) return Promise.resolve();
    this.#changed ??= Promise.withResolvers();
    return this.#changed.promise;
  }

  /**
   * All the text that is kept.
   *
   * @throws {OutputTooLargeError} if it does not fit in one string
   */
  text(): string {
    const { program, encoding } = this.#options;
    if (this.#target instanceof TextTarget) return this.#target.text(program);
    return wholeText(program, encoding, this.bytes());
  }

  /** All there was, timed from `start`; to be asked only if it is kept. */
  transcript(start: number): StreamTranscript {
    return this.#transcript!.get(start);
  }

  /** Whether somebody took it as bytes. */
  get isTakenAsBytes(): boolean {
    return this.#isTakenAsBytes;
  }

  /** All the bytes that are kept. */
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
    // First: a slow handler must not delay the time that is recorded for the piece.
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

  /** The text that came, and is kept, but for a character that has not come whole. */
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

  /** What has its text, of whatever is still to come. */
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

  /** Has everything go to `target`, beginning with what is there. */
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
