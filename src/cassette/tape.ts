import type { CassetteEntry } from "./entry.ts";
import { matchKey } from "./key.ts";

/** The recorded runs of one key, and how many of them have been replayed. */
interface Take {
  readonly entries: CassetteEntry[];
  used: number;
}

/**
 * Recorded runs by what they are matched on. Those with the same key come in the
 * order in which they were recorded, and then the last one comes again and again.
 */
export class Tape {
  readonly #takes = new Map<string, Take>();

  /**
   * Sorts the entries by their keys, so that finding one takes no longer when
   * there are many. One that has stdin and no digest, of an old file, has a key
   * that no command has.
   */
  constructor(entries: readonly CassetteEntry[]) {
    for (const entry of entries) {
      const key = matchKey(entry);
      const take = this.#takes.get(key);
      if (take === undefined) {
        this.#takes.set(key, { entries: [entry], used: 0 });
      } else take.entries.push(entry);
    }
  }

  /** The next run recorded for a key, or `undefined` if there is none. */
  next(key: string): CassetteEntry | undefined {
    const take = this.#takes.get(key);
    return take?.entries[Math.min(take.used++, take.entries.length - 1)];
  }
}
