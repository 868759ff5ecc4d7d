/** How much of a stream is kept, and what becomes of the rest. */
export interface KeepLimits {
  /** `Infinity` for any number. */
  readonly maxLines: number;
  /** `Infinity` for any number. */
  readonly maxBytes: number;
  readonly overflow: "drop-oldest" | "drop-newest" | "error";
}

/** Whether anything is limited at all. */
export function isLimited({ maxLines, maxBytes }: KeepLimits): boolean {
  return maxLines < Infinity || maxBytes < Infinity;
}
