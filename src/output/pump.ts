import type { PieceReader } from "./piece_reader.ts";

/**
 * The longest time without a turn of the event loop, in milliseconds. Bun returns data
 * that it has read ahead without a turn, so a child that never pauses would keep a
 * deadline or an abort from firing.
 */
const LONGEST_TURN_MS = 50;
/**
 * The number of bytes split into lines between two checks of the clock: Bun may return
 * megabytes at once.
 */
const LINE_STEP_BYTES = 64 * 1024;

/** The consumer of a {@linkcode pump}. The pump calls each function for each piece. */
export interface PumpSink {
  /** A promise that resolves when more may be read; `null` if it may be read now. */
  backpressure(): Promise<void> | null;
  /** Whether pieces are cut into lines, which takes longer than storing them. */
  makesLines(): boolean;
  /** Whether {@linkcode PumpSink.push} stores the piece itself, and not only its text. */
  holdsPieces(): boolean;
  /** Takes a piece. Returns a promise only if the pump has to wait. */
  push(piece: Uint8Array): void | Promise<void>;
  /** Called once, after the last piece. */
  end(): void | Promise<void>;
}

/** Reads a stream to its end and passes each piece to `sink`, at the sink's pace. */
export async function pump(reader: PieceReader, sink: PumpSink): Promise<void> {
  for (let turn = performance.now();;) {
    if (sink.backpressure() !== null) await untilReady(sink);
    const piece = await reader.next();
    if (piece === null) break;
    let isHeld = false;
    const step = sink.makesLines() ? LINE_STEP_BYTES : piece.length;
    for (let at = 0; at < piece.length && !reader.wasCut; at += step) {
      if (at > 0 && sink.backpressure() !== null) await untilReady(sink);
      isHeld ||= sink.holdsPieces();
      const part = piece.subarray(at, at + step);
      const waiting = sink.push(
        isHeld && reader.reusesBuffer ? part.slice() : part,
      );
      if (waiting !== undefined) await waiting;
      if (performance.now() - turn > LONGEST_TURN_MS) {
        await nextTurn();
        turn = performance.now();
      }
    }
    if (!isHeld) reader.release(piece);
  }
  const waiting = sink.end();
  if (waiting !== undefined) await waiting;
}

async function untilReady(sink: PumpSink): Promise<void> {
  for (
    let ready = sink.backpressure();
    ready !== null;
    ready = sink.backpressure()
  ) await ready;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
