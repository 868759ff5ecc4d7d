/** Limits on how much output is kept, and what to drop beyond them. */
export interface BufferLimits {
  /** `Infinity` for no limit. */
  readonly maxLines: number;
  /** `Infinity` for no limit. */
  readonly maxBytes: number;
  readonly overflow: "drop-oldest" | "drop-newest" | "error";
}

/** Whether there is a limit. */
export function isLimited({ maxLines, maxBytes }: BufferLimits): boolean {
  return maxLines < Infinity || maxBytes < Infinity;
}
