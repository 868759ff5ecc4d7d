import { OutputTooLargeError } from "../outcome/errors.ts";

/** Creates a decoder that replaces invalid bytes and keeps a byte-order mark. */
export function lossyDecoder(encoding: string): TextDecoder {
  return new TextDecoder(encoding, { ignoreBOM: true });
}

/**
 * Decodes all output of `program`.
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

/** Concatenates pieces of output. */
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

/** Creates the error for text of `bytes` bytes that does not fit in one string. */
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
