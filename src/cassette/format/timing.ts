import type { OutputStream } from "../../outcome/result.ts";
import type { CassetteTiming } from "./entry.ts";

const STREAMS: readonly OutputStream[] = ["stdout", "stderr"];

/** Returns a stream whose pieces, joined, are not its text, or `null` if there is none. */
export function mismatchedStream(
  { output }: CassetteTiming,
  texts: Readonly<Record<OutputStream, string>>,
): OutputStream | null {
  return STREAMS.find((stream) => joined(output, stream) !== texts[stream]) ??
    null;
}

function joined(
  output: CassetteTiming["output"],
  stream: OutputStream,
): string {
  return output.map((piece) => piece.stream === stream ? piece.text : "").join(
    "",
  );
}
