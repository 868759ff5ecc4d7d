/**
 * Decodes bytes as UTF-8, applies `change` to the text, and encodes the result. Returns
 * the given array if `change` changes nothing.
 *
 * A byte that is not part of valid UTF-8 is decoded as a lone surrogate from U+DC80 to
 * U+DCFF. Valid UTF-8 never decodes to a lone surrogate, so encoding restores exactly
 * that byte.
 */
export function transformBytes(
  bytes: Uint8Array,
  change: (text: string) => string,
): Uint8Array {
  const text = decodeWithSurrogates(bytes);
  const changed = change(text);
  return changed === text ? bytes : encodeWithSurrogates(changed);
}

/** Decodes bytes as UTF-8. Returns `null` if they are not valid UTF-8. */
export function utf8Text(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes,
    );
  } catch {
    return null;
  }
}

function decodeWithSurrogates(bytes: Uint8Array): string {
  const valid = utf8Text(bytes);
  if (valid !== null) return valid;
  // A character never has more UTF-16 units than UTF-8 bytes.
  const units = new Uint16Array(bytes.length);
  let count = 0;
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    if (length === 0) units[count++] = 0xdc00 + bytes[at++];
    else {
      count = putCharacter(units, count, bytes, at, length);
      at += length;
    }
  }
  return textOfUnits(units.subarray(0, count));
}

/** Appends the character at `at` to the first `count` units. Returns the new count. */
function putCharacter(
  units: Uint16Array,
  count: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  if (length === 1) {
    units[count] = bytes[at];
    return count + 1;
  }
  let code = bytes[at] & (0x7f >> length);
  for (let next = 1; next < length; next++) {
    code = (code << 6) | (bytes[at + next] & 0x3f);
  }
  if (length < 4) {
    units[count] = code;
    return count + 1;
  }
  units[count] = 0xd7c0 + (code >> 10);
  units[count + 1] = 0xdc00 + (code & 0x3ff);
  return count + 2;
}

/** The size of a chunk for `String.fromCharCode`: a call has a limited number of arguments. */
const CHUNK_UNITS = 8192;

function textOfUnits(units: Uint16Array): string {
  let text = "";
  for (let at = 0; at < units.length; at += CHUNK_UNITS) {
    text += String.fromCharCode(...units.subarray(at, at + CHUNK_UNITS));
  }
  return text;
}

/** The number of bytes of the character at `at`; 0 if the bytes there are not valid UTF-8. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // The range of the second byte excludes overlong forms, surrogates, and code points
  // above U+10FFFF.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (!(bytes[at + 1] >= least && bytes[at + 1] <= most)) return 0;
  for (let next = 2; next < length; next++) {
    if ((bytes[at + next] & 0xc0) !== 0x80) return 0;
  }
  return length;
}

function encodeWithSurrogates(text: string): Uint8Array {
  const encoder = new TextEncoder();
  if (text.isWellFormed()) return encoder.encode(text);
  // A UTF-16 unit becomes at most 3 bytes.
  const bytes = new Uint8Array(text.length * 3);
  let count = 0;
  for (let at = 0; at < text.length;) {
    const end = endOfWellFormed(text, at);
    count += encoder.encodeInto(
      text.slice(at, end),
      bytes.subarray(count),
    ).written;
    if (end === text.length) break;
    const unit = text.charCodeAt(end);
    // Any other lone surrogate was added by `change` and stands for no byte.
    if (unit >= 0xdc80 && unit <= 0xdcff) bytes[count++] = unit - 0xdc00;
    else count += encoder.encodeInto("\ufffd", bytes.subarray(count)).written;
    at = end + 1;
  }
  return bytes.slice(0, count);
}

/** The index of the first lone surrogate at or after `at`, or the length of the text. */
function endOfWellFormed(text: string, at: number): number {
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = text.charCodeAt(at + 1);
    if (unit > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return at;
    at++;
  }
  return at;
}
