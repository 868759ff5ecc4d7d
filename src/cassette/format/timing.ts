import type { OutputStream } from "../../outcome/result.ts";
import type { CassetteTiming } from "./entry.ts";

const STREAMS: readonly OutputStream[] = ["stdout", "stderr"];

/** Whether the pieces of each stream are all of its text. */
export function misfitOf(
  { output }: CassetteTiming,
  texts: Readonly<Record<OutputStream, string>>,
): OutputStream | null {
  return STREAMS.find((stream) => textOf(output, stream) !== texts[stream]) ??
    null;
}

function textOf(
  output: CassetteTiming["output"],
  stream: OutputStream,
): string {
  return output.map((piece) => piece.stream === stream ? piece.text : "").join(
    "",
  );
}
