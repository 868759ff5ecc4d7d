import { UnsupportedError } from "../../outcome/errors.ts";
import type { Outcome } from "../../outcome/outcome.ts";
import {
  type OutputStream,
  type ProcessResult,
  truncatedStreamsOf,
} from "../../outcome/result.ts";
import {
  type RunTranscript,
  type StreamTranscript,
  transcriptOf,
} from "../../outcome/transcript.ts";
import { lossyDecoder, wholeText } from "../../output/text.ts";
import { transformBytes, utf8Text } from "../format/byte_text.ts";
import type { FieldTransform } from "../transform/field_transform.ts";

/** What a run came to, as it goes into the file. */
export interface CapturedRun {
  readonly outcome: Outcome;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout by base64, where its text does not tell its bytes. */
  readonly base64: string | null;
  readonly truncated: readonly OutputStream[];
  /** What tells when it came, if that is to be kept. */
  readonly timed: RunTranscript | null;
}

/** What differs from one recording to the next. */
export interface CaptureOptions {
  readonly program: string;
  readonly encoding: string;
  readonly transform: FieldTransform;
  readonly timing: boolean;
}

/** What is kept of a result: all there was, whatever the command keeps of it. */
export function capturedRunOf(
  result: ProcessResult<string | Uint8Array>,
  options: CaptureOptions,
): CapturedRun {
  const transcript = transcriptOf(result);
  if (transcript !== null) return capturedRunOfTranscript(transcript, options);
  return {
    ...stdoutOf(result.stdout, options),
    outcome: result.outcome,
    stderr: options.transform.sanitize("stderr", result.stderr),
    truncated: truncatedStreamsOf(result),
    // A runner of somebody's own does not tell.
    timed: null,
  };
}

/** What is kept of a run with all of its output. */
export function capturedRunOfTranscript(
  run: RunTranscript,
  options: CaptureOptions,
): CapturedRun {
  const { program, transform, timing } = options;
  const { stdout, stderr } = run;
  const taken = stdout === null
    ? ""
    : run.isBytes
    ? stdout.bytes
    : textOf(stdout, program);
  return {
    ...stdoutOf(taken, options),
    outcome: run.outcome,
    stderr: transform.sanitize(
      "stderr",
      stderr === null ? "" : textOf(stderr, program),
    ),
    truncated: run.truncated,
    timed: timing ? run : null,
  };
}

function textOf(
  { bytes, encoding }: StreamTranscript,
  program: string,
): string {
  return wholeText(program, encoding, bytes);
}

function stdoutOf(
  stdout: string | Uint8Array,
  options: CaptureOptions,
): Pick<CapturedRun, "stdout" | "base64"> {
  const { encoding, transform } = options;
  if (typeof stdout === "string") {
    return { stdout: transform.sanitize("stdout", stdout), base64: null };
  }
  const bytes = transform.isIdentity
    ? stdout
    : transformBytes(stdout, (text) =>
      transform.sanitizeKeepingSurrogates("stdout", text));
  const text = lossyDecoder(encoding).decode(bytes);
  if (encoding !== "utf-8" && !transform.isIdentity) {
    refuseUnlessSanitized(stdout, text, options);
  }
  // Where the text has a replacement character, it was perhaps put there by a decoder.
  const isToldByText = encoding === "utf-8" && utf8Text(bytes) !== null &&
    !text.includes("\ufffd");
  return { stdout: text, base64: isToldByText ? null : bytes.toBase64() };
}

/** In bytes of another encoding, what is to be hidden is perhaps not found. */
function refuseUnlessSanitized(
  stdout: Uint8Array,
  hidden: string,
  { program, encoding, transform }: CaptureOptions,
): void {
  const text = lossyDecoder(encoding).decode(stdout);
  if (transform.sanitize("stdout", text) === hidden) return;
  throw new UnsupportedError(
    `normalizing or redacting bytes in ${encoding}`,
    "its text changes where its bytes would not; record it with outputString",
    { program },
  );
}
