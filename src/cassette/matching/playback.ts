import type { CassetteEntry } from "../format/entry.ts";
import { type MatchFacts, matchKey, type MatchRules } from "./key.ts";

/** The entries with one match key, and the number of times that an entry was played. */
interface KeyQueue {
  readonly indexes: number[];
  played: number;
}

/** The result of looking up a command: the index of an entry, or the reason for a miss. */
export type Lookup =
  | { readonly kind: "run"; readonly index: number }
  | { readonly kind: "unknown" }
  | { readonly kind: "text-only" }
  /** `count` is the number of entries of the key. */
  | { readonly kind: "exhausted"; readonly count: number }
  /** `expected` is the index of the entry that is next in strict order; `null` if none is left. */
  | { readonly kind: "out-of-turn"; readonly expected: number | null };

/** How a playback finds entries. */
export interface PlaybackRules {
  readonly match: MatchRules;
  /** Whether entries must be played in the order of the file, each at most once. */
  readonly isStrict: boolean;
  /** Whether the last entry of a key is played again when all entries of the key were played. */
  readonly repeatsLast: boolean;
}

/**
 * Finds the entry to play for a command. Entries with the same match key are played in the
 * order of the file.
 */
export class Playback {
  readonly entries: readonly CassetteEntry[];
  readonly #rules: PlaybackRules;
  readonly #queues = new Map<string, KeyQueue>();
  /** The index of the next entry, if the order is strict. */
  #nextIndex = 0;

  /**
   * Indexes the entries by match key, so that a lookup takes constant time. An entry with
   * stdin but without a digest, as in an old file, has a key that matches no command.
   */
  constructor(entries: readonly CassetteEntry[], rules: PlaybackRules) {
    this.entries = entries;
    this.#rules = rules;
    for (let index = 0; index < entries.length; index++) {
      const key = matchKey(entries[index], rules.match);
      const queue = this.#queues.get(key);
      if (queue === undefined) {
        this.#queues.set(key, { indexes: [index], played: 0 });
      } else queue.indexes.push(index);
    }
  }

  /**
   * Returns the next entry for a command and counts it as played. An entry that `accepts`
   * rejects is a `"text-only"` miss and stays unplayed.
   */
  next(facts: MatchFacts, accepts: (entry: CassetteEntry) => boolean): Lookup {
    const queue = this.#queues.get(matchKey(facts, this.#rules.match));
    if (queue === undefined) return { kind: "unknown" };
    const { indexes, played } = queue;
    const index = indexes[Math.min(played, indexes.length - 1)];
    if (this.#rules.isStrict) {
      const expected = this.#nextIndex;
      if (indexes[played] !== expected) {
        return {
          kind: "out-of-turn",
          expected: expected < this.entries.length ? expected : null,
        };
      }
    } else if (played >= indexes.length && !this.#rules.repeatsLast) {
      return { kind: "exhausted", count: indexes.length };
    }
    if (!accepts(this.entries[index])) return { kind: "text-only" };
    if (this.#rules.isStrict) this.#nextIndex++;
    queue.played++;
    return { kind: "run", index };
  }

  /** Returns the indexes of the entries that were not played, in the order of the file. */
  unplayed(): number[] {
    const indexes: number[] = [];
    for (const { indexes: all, played } of this.#queues.values()) {
      indexes.push(...all.slice(played));
    }
    return indexes.sort((one, other) => one - other);
  }
}
