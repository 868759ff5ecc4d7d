import type { OutputStream } from "../../outcome/result.ts";
import type {
  RunTranscript,
  StreamTranscript,
} from "../../outcome/transcript.ts";
import { pieceDecoder } from "../../output/piece_decoder.ts";
import type { CassetteTiming } from "../format/entry.ts";
import type { OutputSchedule } from "../../runner/simulated_run.ts";

/** What changes a text of a stream on its way to the file, or back. */
export type ChangeText = (stream: OutputStream, text: string) => string;

const STREAMS: readonly OutputStream[] = ["stdout", "stderr"];

/** The timing of a run, of the text as the file has it. */
export function timingOf(
  run: RunTranscript,
  texts: Readonly<Record<OutputStream, string>>,
  hide: ChangeText,
): CassetteTiming {
  const output = STREAMS.flatMap((stream) => {
    const pieces = timedTexts(run[stream]);
    const hidden = changePieces(
      pieces.map(({ text }) => text),
      (text) => hide(stream, text),
      texts[stream],
    );
    return pieces.map(({ at }, index) => ({ at, stream, text: hidden[index] }));
  });
  // Stable: what came to one stream in one millisecond stays in its order.
  output.sort((one, other) => one.at - other.at);
  return {
    output: output.filter(({ text }) => text !== ""),
    end: Math.max(Math.round(run.end), output.at(-1)?.at ?? 0),
  };
}

/** When a process that plays a recording prints what, at `speed` times the recorded one. */
export function scheduleOf(
  timing: CassetteTiming,
  speed: number,
  show: (text: string) => string,
  stdout: { readonly bytes: Uint8Array; readonly encoding: string } | null,
): OutputSchedule {
  const shown = new Map(STREAMS.map((stream) => {
    const texts = timing.output.filter((piece) => piece.stream === stream).map(
      ({ text }) => text,
    );
    const changed = changePieces(texts, show, show(texts.join("")));
    const bytes = stream === "stdout" && stdout !== null
      ? cutLike(changed, stdout.bytes, stdout.encoding)
      : changed.map((text) => new TextEncoder().encode(text));
    return [stream, bytes.values()];
  }));
  const output = timing.output.map(({ at, stream }) => ({
    at: at / speed,
    stream,
    bytes: shown.get(stream)!.next().value!,
  }));
  const end = timing.end / speed;
  const stretch = 1 / speed;
  const hasText = timing.output.some(({ stream }) => stream === "stdout");
  // Bytes that are no text at all, such as a change of the character set, have no piece.
  return stdout === null || hasText ? { output, end, stretch } : {
    output: [...output, { at: end, stream: "stdout", bytes: stdout.bytes }],
    end,
    stretch,
  };
}

/**
 * Changes each of the pieces so that together they are `whole`, which is what all of
 * them together become. Where a change would be cut by the end of a piece, that piece's
 * text goes to the next one.
 */
function changePieces(
  pieces: readonly string[],
  change: (text: string) => string,
  whole: string,
): string[] {
  if (pieces.join("") === whole) return [...pieces];
  const changed = pieces.map(() => "");
  // What fits nowhere comes with the last piece.
  if (pieces.length > 0) fill(0, pieces.length, whole);
  return changed;

  function fill(from: number, to: number, text: string): void {
    if (to - from > 1) {
      for (const middle of fromTheMiddle(from, to)) {
        const left = partly(pieces.slice(from, middle));
        const right = partly(pieces.slice(middle, to));
        if (left === null || right === null || left + right !== text) continue;
        fill(from, middle, left);
        fill(middle, to, right);
        return;
      }
    }
    changed[to - 1] = text;
  }

  function partly(parts: readonly string[]): string | null {
    try {
      return change(parts.join(""));
    } catch {
      // It needs the whole, which it has had: there is no place for a cut here.
      return null;
    }
  }
}

/** How many places are tried: where none of those is right, there is perhaps none at all. */
const MOST_PLACES = 32;

/** The places between two pieces, the one in the middle first. */
function* fromTheMiddle(from: number, to: number): Iterable<number> {
  const middle = (from + to) >> 1;
  for (let away = 0; away < Math.min(to - from, MOST_PLACES / 2); away++) {
    if (middle + away < to) yield middle + away;
    if (away > 0 && middle - away > from) yield middle - away;
  }
}

/** The texts of a stream, one for each millisecond in which something came. */
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

/** How many bytes a decoder may hold back; of what it has been given, none becomes more than one UTF-16 unit. */
const MOST_UNDECODED = 3;

/** The bytes in pieces of which each has the text of its own. */
function cutLike(
  texts: readonly string[],
  bytes: Uint8Array,
  encoding: string,
): Uint8Array[] {
  const decoder = pieceDecoder(encoding);
  let at = 0;
  let length = 0;
  let until = 0;
  return texts.map((text, index) => {
    const from = at;
    until += text.length;
    if (index === texts.length - 1) at = bytes.length;
    while (at < bytes.length && length < until) {
      const step = Math.max(1, until - length - MOST_UNDECODED);
      length += decoder.decode(bytes.subarray(at, at + step)).length;
      at += step;
    }
    return bytes.slice(from, at);
  });
}
