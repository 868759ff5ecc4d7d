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
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = endOfValid(bytes, at);
    if (end > at) pieces.push(decoder.decode(bytes.subarray(at, end)));
    if (end < bytes.length) {
      pieces.push(String.fromCharCode(0xdc00 + bytes[end]));
    }
    at = end + 1;
  }
  return pieces.join("");
}

/** Where the first byte from `at` on is that is part of no character. */
function endOfValid(bytes: Uint8Array, at: number): number {
  while (at < bytes.length) {
    const length = characterLength(bytes, at);
    if (length === 0) break;
    at += length;
  }
  return at;
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
  if (text.isWellFormed()) return new TextEncoder().encode(text);
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00);
    else bytes.push(...encoder.encode(character));
  }
  return new Uint8Array(bytes);
}
