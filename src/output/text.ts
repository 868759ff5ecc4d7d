import { OutputTooLargeError } from "../outcome/errors.ts";

/** A decoder that replaces what it cannot decode and keeps a byte-order mark: the text is verbatim. */
export function lossyDecoder(encoding: string): TextDecoder {
  return new TextDecoder(encoding, { ignoreBOM: true });
}

/**
 * All the text that the output of `program` is.
 *
 * @throws {OutputTooLargeError} if it does not fit in one string
 */
export function wholeText(
  program: string,
  encoding: string,
  bytes: Uint8Array,
): string {
  try {
    return lossyDecoder(encoding).decode(bytes);
  } catch (error) {
    throw textTooLongError(program, bytes.length, error);
  }
}

/** Puts pieces of output together. */
export function concatBytes(
  pieces: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The error for text of `bytes` bytes that did not fit in one string. */
export function textTooLongError(
  program: string,
  bytes: number,
  cause: unknown,
): OutputTooLargeError {
  return new OutputTooLargeError(
    program,
    `${bytes} bytes do not fit in one string; capture them with outputBytes, or send them to a file`,
    { cause },
  );
}
