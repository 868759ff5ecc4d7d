/** How much of a stream is kept, and what becomes of the rest. */
export interface BufferLimits {
  /** `Infinity` for any number. */
  readonly maxLines: number;
  /** `Infinity` for any number. */
  readonly maxBytes: number;
  readonly overflow: "drop-oldest" | "drop-newest" | "error";
}

/** Whether anything is limited at all. */
export function isLimited({ maxLines, maxBytes }: BufferLimits): boolean {
  return maxLines < Infinity || maxBytes < Infinity;
}
