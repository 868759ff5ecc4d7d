import type { StdinSource } from "../../command/stdin.ts";

/** Says what was digested, so that a file's path and a text that reads the same differ. */
const IN_MEMORY = 1;
const FILE_PATH = 2;
const VARIABLE = 3;

/** Digests are looked up by what they were made of: a megabyte of input need not be read twice. */
const known = new WeakMap<StdinSource, bigint>();

/**
 * The digest of a stdin source, or `null` for no input. A file is not read: its
 * path is what counts. A one-shot source has none, and must not come here.
 */
export function stdinDigest(source: StdinSource): bigint | null {
  return source.kind === "empty" ? null : knownDigest(source);
}

/**
 * The digest of a variable's value, of 16 hexadecimal digits. Its name is part of it:
 * two variables with one value are not to look alike.
 */
export function variableDigest(name: string, value: string): string {
  const bytes = new TextEncoder().encode(`${name}=${value}`);
  return fnv1a64(VARIABLE, bytes).toString(16).padStart(16, "0");
}

/** The digest of a text. */
export function textDigest(text: string): bigint {
  return fnv1a64(IN_MEMORY, new TextEncoder().encode(text));
}

function knownDigest(source: StdinSource): bigint {
  let digest = known.get(source);
  if (digest === undefined) known.set(source, digest = digestOf(source));
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
 * 64-bit FNV-1a over a tag byte and then `bytes`.
 *
 * A `BigInt` multiplication for every byte would manage some 30 MB/s, so the
 * state is two 32-bit halves. The prime is 2^40 + 435: the product's low half is
 * the low half times 435, its high half takes that product's carry, the high half
 * times 435, and the low half shifted by the remaining 8 bits of 2^40.
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
