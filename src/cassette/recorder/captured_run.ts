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

/** The outcome and the sanitized output of a completed run. */
export interface CapturedRun {
  readonly outcome: Outcome;
  readonly stdout: string;
  readonly stderr: string;
  /** The bytes of stdout; `null` if they can be restored from the text. */
  readonly stdoutBase64: string | null;
  readonly truncated: readonly OutputStream[];
  /** The transcript for the entry's timing; `null` if no timing is recorded. */
  readonly timedTranscript: RunTranscript | null;
}

/** How a run is captured. */
export interface CaptureOptions {
  readonly program: string;
  readonly encoding: string;
  readonly transform: FieldTransform;
  /** Whether the timing is recorded. */
  readonly timing: boolean;
}

/**
 * Captures the run of a result. If there is a transcript beside the result, the captured
 * output is complete even if the command limits the output of the result.
 *
 * @throws {UnsupportedError} if bytes in another encoding than UTF-8 cannot be sanitized
 */
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
    // A custom runner provides no transcript, and so no times.
    timedTranscript: null,
  };
}

/**
 * Captures the run of a transcript.
 *
 * @throws {UnsupportedError} if bytes in another encoding than UTF-8 cannot be sanitized
 */
export function capturedRunOfTranscript(
  run: RunTranscript,
  options: CaptureOptions,
): CapturedRun {
  const { program, transform, timing } = options;
  const { stdout, stderr } = run;
  const stdoutValue = stdout === null
    ? ""
    : run.isBytes
    ? stdout.bytes
    : textOf(stdout, program);
  return {
    ...stdoutOf(stdoutValue, options),
    outcome: run.outcome,
    stderr: transform.sanitize(
      "stderr",
      stderr === null ? "" : textOf(stderr, program),
    ),
    truncated: run.truncated,
    timedTranscript: timing ? run : null,
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
): Pick<CapturedRun, "stdout" | "stdoutBase64"> {
  const { encoding, transform } = options;
  if (typeof stdout === "string") {
    return { stdout: transform.sanitize("stdout", stdout), stdoutBase64: null };
  }
  const bytes = transform.isIdentity
    ? stdout
    : transformBytes(stdout, (text) =>
      transform.sanitizeKeepingSurrogates("stdout", text));
  const text = lossyDecoder(encoding).decode(bytes);
  if (encoding !== "utf-8" && !transform.isIdentity) {
    refuseUnlessSanitized(stdout, text, options);
  }
  // A replacement character may come from the decoder: such a text does not determine the
  // bytes.
  const isRestorable = encoding === "utf-8" && utf8Text(bytes) !== null &&
    !text.includes("\ufffd");
  return {
    stdout: text,
    stdoutBase64: isRestorable ? null : bytes.toBase64(),
  };
}

/**
 * Bytes are sanitized as UTF-8. In another encoding, a value may occur in the text but not
 * be found in the bytes. Such a run must not be recorded.
 */
function refuseUnlessSanitized(
  stdout: Uint8Array,
  sanitized: string,
  { program, encoding, transform }: CaptureOptions,
): void {
  const text = lossyDecoder(encoding).decode(stdout);
  if (transform.sanitize("stdout", text) === sanitized) return;
  throw new UnsupportedError(
    `normalizing or redacting bytes in ${encoding}`,
    "values are found in the text, but not in its bytes; record the command with outputString",
    { program },
  );
}
