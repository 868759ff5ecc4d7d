import type { OutputStream } from "../../outcome/result.ts";
import type {
  RunTranscript,
  StreamTranscript,
} from "../../outcome/transcript.ts";
import { pieceDecoder } from "../../output/piece_decoder.ts";
import type { OutputSchedule } from "../../runner/simulated_run.ts";
import type { CassetteTiming } from "../format/entry.ts";

const STREAMS: readonly OutputStream[] = ["stdout", "stderr"];

/**
 * Returns the timing of a run for the file. `texts` are the sanitized outputs; `sanitize`
 * is applied to the pieces, so that joined they are those texts.
 */
export function timingOf(
  run: RunTranscript,
  texts: Readonly<Record<OutputStream, string>>,
  sanitize: (stream: OutputStream, text: string) => string,
): CassetteTiming {
  const output = STREAMS.flatMap((stream) => {
    const pieces = timedTexts(run[stream]);
    const sanitized = transformPieces(
      pieces.map(({ text }) => text),
      (text) => sanitize(stream, text),
      texts[stream],
    );
    return pieces.map(({ at }, index) => ({
      at,
      stream,
      text: sanitized[index],
    }));
  });
  // The sort is stable: the pieces of one stream stay in their order.
  output.sort((one, other) => one.at - other.at);
  return {
    output: output.filter(({ text }) => text !== ""),
    end: Math.max(Math.round(run.end), output.at(-1)?.at ?? 0),
  };
}

/**
 * Returns the schedule on which a replayed process prints its output, at `speed` times the
 * recorded speed. `stdout` has the exact bytes of stdout, if the text does not determine
 * them.
 */
export function scheduleOf(
  timing: CassetteTiming,
  speed: number,
  restore: (text: string) => string,
  stdout: { readonly bytes: Uint8Array; readonly encoding: string } | null,
): OutputSchedule {
  const bytesOf = new Map(STREAMS.map((stream) => {
    const texts = timing.output.filter((piece) => piece.stream === stream).map(
      ({ text }) => text,
    );
    const restored = transformPieces(texts, restore, restore(texts.join("")));
    const bytes = stream === "stdout" && stdout !== null
      ? cutByTexts(stdout.bytes, restored, stdout.encoding)
      : restored.map((text) => new TextEncoder().encode(text));
    return [stream, bytes.values()];
  }));
  const output = timing.output.map(({ at, stream }) => ({
    at: at / speed,
    stream,
    bytes: bytesOf.get(stream)!.next().value!,
  }));
  const end = timing.end / speed;
  const stretch = 1 / speed;
  const hasText = timing.output.some(({ stream }) => stream === "stdout");
  // Bytes that decode to no text, such as an escape sequence of the encoding, have no piece.
  return stdout === null || hasText ? { output, end, stretch } : {
    output: [...output, { at: end, stream: "stdout", bytes: stdout.bytes }],
    end,
    stretch,
  };
}

/**
 * Transforms the pieces of a text so that joined they are `whole`: the transformed text.
 * Where a replaced value spans several pieces, its text goes to the last of them.
 *
 * The pieces are halved recursively, at a boundary where transforming both halves gives the
 * same text as transforming them together.
 */
function transformPieces(
  pieces: readonly string[],
  transform: (text: string) => string,
  whole: string,
): string[] {
  if (pieces.join("") === whole) return [...pieces];
  const transformed = pieces.map(() => "");
  if (pieces.length > 0) distribute(0, pieces.length, whole);
  return transformed;

  function distribute(from: number, to: number, text: string): void {
    for (const boundary of boundariesOf(from, to)) {
      const left = transformPart(pieces.slice(from, boundary));
      const right = transformPart(pieces.slice(boundary, to));
      if (left === null || right === null || left + right !== text) continue;
      distribute(from, boundary, left);
      distribute(boundary, to, right);
      return;
    }
    // The pieces cannot be separated: the last one gets all of the text.
    transformed[to - 1] = text;
  }

  function transformPart(parts: readonly string[]): string | null {
    try {
      return transform(parts.join(""));
    } catch {
      // A function of the caller may accept the whole text and throw for a part of it.
      return null;
    }
  }
}

/** The number of boundaries that are tried, so that the search takes limited time. */
const MAX_BOUNDARIES = 32;

/** The boundaries between the pieces from `from` to `to`, starting in the middle. */
function* boundariesOf(from: number, to: number): Iterable<number> {
  if (to - from <= 1) return;
  const middle = (from + to) >> 1;
  const steps = Math.min(to - from, MAX_BOUNDARIES / 2);
  for (let step = 0; step < steps; step++) {
    if (middle + step < to) yield middle + step;
    if (step > 0 && middle - step > from) yield middle - step;
  }
}

/** Decodes the pieces of a stream. Pieces that arrived in the same millisecond are joined. */
function timedTexts(
  stream: StreamTranscript | null,
): { at: number; text: string }[] {
  if (stream === null) return [];
  const decoder = pieceDecoder(stream.encoding);
  const texts: { at: number; text: string }[] = [];
  let from = 0;
  for (const { at, length } of stream.pieces) {
    const text = decoder.decode(stream.bytes.subarray(from, from + length));
    const last = texts.at(-1);
    if (last?.at === Math.round(at)) last.text += text;
    else texts.push({ at: Math.round(at), text });
    from += length;
  }
  const last = texts.at(-1);
  if (last !== undefined) last.text += decoder.end();
  return texts;
}

/** The number of bytes that a decoder may hold back for an incomplete character. */
const MAX_UNDECODED_BYTES = 3;

/** Cuts bytes into pieces that decode to the given texts. */
function cutByTexts(
  bytes: Uint8Array,
  texts: readonly string[],
  encoding: string,
): Uint8Array[] {
  const decoder = pieceDecoder(encoding);
  let at = 0;
  let decodedLength = 0;
  let targetLength = 0;
  return texts.map((text, index) => {
    const from = at;
    targetLength += text.length;
    if (index === texts.length - 1) at = bytes.length;
    while (at < bytes.length && decodedLength < targetLength) {
      // A byte never decodes to more than one UTF-16 unit, so this step cannot go too far.
      const missing = targetLength - decodedLength;
      const step = Math.max(1, missing - MAX_UNDECODED_BYTES);
      decodedLength += decoder.decode(bytes.subarray(at, at + step)).length;
      at += step;
    }
    return bytes.slice(from, at);
  });
}
