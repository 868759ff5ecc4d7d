/**
 * Changes the text that bytes are by `change`, and leaves whatever is not UTF-8 in
 * them as it is. The bytes themselves if nothing was changed.
 *
 * A byte that is part of no character is shown to `change` as half a character
 * (U+DC80 to U+DCFF), of which valid UTF-8 has none, so that the way back is exact.
 */
export function changeBytes(
  bytes: Uint8Array,
  change: (text: string) => string,
): Uint8Array {
  const text = exactText(bytes);
  const changed = change(text);
  return changed === text ? bytes : exactBytes(changed);
}

/** The text that bytes are as UTF-8, or `null` if they are not. */
export function utf8Text(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      bytes,
    );
  } catch {
    return null;
  }
}

function exactText(bytes: Uint8Array): string {
  const whole = utf8Text(bytes);
  if (whole !== null) return whole;
  // A character has no more UTF-16 units than it has bytes.
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

/** Puts the character at `at` behind the units that are there; how many there are then. */
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

/** How many units are made text of at once: arguments of a function are limited. */
const UNITS_AT_ONCE = 8192;

function textOfUnits(units: Uint16Array): string {
  let text = "";
  for (let at = 0; at < units.length; at += UNITS_AT_ONCE) {
    text += String.fromCharCode(...units.subarray(at, at + UNITS_AT_ONCE));
  }
  return text;
}

/** How many bytes the character at `at` has; 0 if there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // What would be too long a form, half a character, or beyond the last one shows in the second byte.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (!(bytes[at + 1] >= least && bytes[at + 1] <= most)) return 0;
  for (let next = 2; next < length; next++) {
    if ((bytes[at + next] & 0xc0) !== 0x80) return 0;
  }
  return length;
}

function exactBytes(text: string): Uint8Array {
  const encoder = new TextEncoder();
  if (text.isWellFormed()) return encoder.encode(text);
  // Three bytes at the most for each UTF-16 unit.
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
    // Any other half of a character is somebody else's, and none of a byte.
    if (unit >= 0xdc80 && unit <= 0xdcff) bytes[count++] = unit - 0xdc00;
    else count += encoder.encodeInto("\ufffd", bytes.subarray(count)).written;
    at = end + 1;
  }
  return bytes.slice(0, count);
}

/** Where the first half of a character from `at` on is that lacks the other one, or the end. */
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
