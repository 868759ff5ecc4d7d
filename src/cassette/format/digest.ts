import type { StdinSource } from "../../command/stdin.ts";

// The first digested byte. It keeps apart equal bytes of different kinds, such as the path
// of a stdin file and a stdin text that reads the same.
const IN_MEMORY = 1;
const FILE_PATH = 2;
const VARIABLE = 3;

/** The digests by source, so that a large input is not digested again for each run. */
const cache = new WeakMap<StdinSource, bigint>();

/**
 * Returns the digest of a stdin source, or `null` if there is no input. Of a file, the
 * path is digested; the file is not read. The source must not be one-shot.
 */
export function stdinDigest(source: StdinSource): bigint | null {
  return source.kind === "empty" ? null : cachedDigest(source);
}

/**
 * Returns the digest of an environment variable as 16 hexadecimal digits. The name is
 * digested with the value, so that equal values of two variables have different digests.
 */
export function variableDigest(name: string, value: string): string {
  const bytes = new TextEncoder().encode(`${name}=${value}`);
  return fnv1a64(VARIABLE, bytes).toString(16).padStart(16, "0");
}

/** Returns the digest of a text as UTF-8. */
export function textDigest(text: string): bigint {
  return fnv1a64(IN_MEMORY, new TextEncoder().encode(text));
}

function cachedDigest(source: StdinSource): bigint {
  let digest = cache.get(source);
  if (digest === undefined) cache.set(source, digest = digestOf(source));
  return digest;
}

function digestOf(source: StdinSource): bigint {
  switch (source.kind) {
    case "bytes":
      return fnv1a64(IN_MEMORY, source.bytes);
    case "file":
      return fnv1a64(FILE_PATH, new TextEncoder().encode(source.path));
    default:
      throw new Error(`a ${source.kind} has no digest`);
  }
}

/**
 * Computes 64-bit FNV-1a over a tag byte and then `bytes`.
 *
 * One `BigInt` multiplication per byte would digest only about 30 MB/s, so the state is
 * two 32-bit halves. The prime is 2^40 + 435. The low half of the product is the low half
 * times 435. The high half of the product is the sum of three parts: the carry of that
 * multiplication, the high half times 435, and the low half shifted left by 8 bits (2^40 is
 * 2^32 times 2^8).
 */
function fnv1a64(tag: number, bytes: Uint8Array): bigint {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (let index = -1; index < bytes.length; index++) {
    low ^= index < 0 ? tag : bytes[index];
    const lower = (low & 0xffff) * 435;
    const upper = (low >>> 16) * 435 + (lower >>> 16);
    high = (Math.imul(high, 435) + (upper >>> 16) + (low << 8)) | 0;
    low = (upper << 16) | (lower & 0xffff);
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
