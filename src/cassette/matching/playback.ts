import type { CassetteEntry } from "../format/entry.ts";
import { type MatchFacts, matchKey, type MatchRules } from "./key.ts";

/** The recorded runs of one key, and how many of them have been played. */
interface KeyQueue {
  readonly indexes: number[];
  used: number;
}

/** What a playback has for a key: a run, or the reason why there is none. */
export type Lookup =
  | { readonly kind: "run"; readonly index: number }
  | { readonly kind: "unknown" }
  | { readonly kind: "text-only" }
  | { readonly kind: "exhausted"; readonly count: number }
  | { readonly kind: "out-of-turn"; readonly due: number | null };

/** In which order the runs of a playback are played, and how often. */
export interface PlaybackRules {
  readonly match: MatchRules;
  readonly isStrict: boolean;
  readonly repeats: boolean;
}

/**
 * Recorded runs by what they are matched on. Those with the same key come in the
 * order in which they were recorded.
 */
export class Playback {
  readonly entries: readonly CassetteEntry[];
  readonly #rules: PlaybackRules;
  readonly #queues = new Map<string, KeyQueue>();
  /** How many have been played of a playback whose order is strict. */
  #played = 0;

  /**
   * Sorts the entries by their keys, so that finding one takes no longer when
   * there are many. One that has stdin and no digest, of an old file, has a key
   * that no command has.
   */
  constructor(entries: readonly CassetteEntry[], rules: PlaybackRules) {
    this.entries = entries;
    this.#rules = rules;
    for (let index = 0; index < entries.length; index++) {
      const key = matchKey(entries[index], rules.match);
      const queue = this.#queues.get(key);
      if (queue === undefined) {
        this.#queues.set(key, { indexes: [index], used: 0 });
      } else queue.indexes.push(index);
    }
  }

  /** The next run recorded for what is asked, if it will do; it has been played then. */
  next(facts: MatchFacts, accepts: (entry: CassetteEntry) => boolean): Lookup {
    const queue = this.#queues.get(matchKey(facts, this.#rules.match));
    if (queue === undefined) return { kind: "unknown" };
    const { indexes, used } = queue;
    const index = indexes[Math.min(used, indexes.length - 1)];
    if (this.#rules.isStrict) {
      const due = this.#played;
      if (indexes[used] !== due) {
        return {
          kind: "out-of-turn",
          due: due < this.entries.length ? due : null,
        };
      }
    } else if (used >= indexes.length && !this.#rules.repeats) {
      return { kind: "exhausted", count: indexes.length };
    }
    if (!accepts(this.entries[index])) return { kind: "text-only" };
    if (this.#rules.isStrict) this.#played++;
    queue.used++;
    return { kind: "run", index };
  }

  /** The indexes of the runs that have not been played. */
  unplayed(): number[] {
    const indexes: number[] = [];
    for (const { indexes: all, used } of this.#queues.values()) {
      indexes.push(...all.slice(used));
    }
    return indexes.sort((one, other) => one - other);
  }
}
