import { Cassette } from "./cassette.ts";
import type { CassetteEntry } from "./entry.ts";

/** The runs recorded for one file, and which of them are in it. */
export class Recording {
  readonly #path: string;
  readonly #entries: CassetteEntry[] = [];
  /** How many of the entries are in the file. */
  #saved = 0;
  /** How many of the entries are in the file, or on their way. */
  #claimed = 0;
  /** How many of the entries are to be forgotten should they not get into the file. */
  #discarded = 0;
  #waiting = 0;
  #saving: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Adds a run that has completed. */
  add(entry: CassetteEntry): void {
    this.#entries.push(entry);
  }

  /** Writes all runs there are when its turn comes; saves take turns. */
  save(): Promise<void> {
    this.#claimed = this.#entries.length;
    this.#waiting++;
    const turn = this.#saving.then(() => this.#write());
    this.#saving = turn.catch(() => {});
    return turn;
  }

  /** Writes, unless every run is in the file by the time that saves under way are done. */
  async saveIfUnsaved(): Promise<void> {
    await this.#saving;
    if (this.#entries.length > this.#saved) await this.save();
  }

  /**
   * Forgets the runs that are neither in the file nor on their way; those that
   * are on their way it forgets if they do not get there.
   */
  discard(): void {
    this.#entries.length = this.#claimed;
    this.#discarded = this.#claimed;
  }

  async #write(): Promise<void> {
    // A run that completes from here on is not in this text, and stays unsaved.
    const entries = [...this.#entries];
    this.#claimed = entries.length;
    try {
      await new Cassette(entries).write(this.#path);
      this.#saved = entries.length;
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#settle();
    }
  }

  /** With no save under way, what is not in the file is not on its way either. */
  #settle(): void {
    const lost = Math.max(0, this.#discarded - this.#saved);
    this.#entries.splice(this.#saved, lost);
    this.#discarded = 0;
    this.#claimed = this.#saved;
  }
}
