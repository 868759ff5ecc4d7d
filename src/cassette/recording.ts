import { addToCassette, Cassette } from "./cassette.ts";
import type { CassetteEntry } from "./entry.ts";
import { type Guard, GuardPost } from "./guard.ts";

/** How the runs of a recording get into its file. */
export interface RecordingOptions {
  readonly guards: readonly Guard[];
  /** Whether they are added to what is in the file, or replace it. */
  readonly adds: boolean;
  /** How many entries there were in the file to begin with, if it is added to. */
  readonly known: number;
}

/** The runs recorded for one file, and which of them are in it. */
export class Recording {
  readonly #path: string;
  readonly #options: RecordingOptions;
  readonly #guard: GuardPost;
  readonly #entries: CassetteEntry[] = [];
  /** How many of the entries are in the file. */
  #saved = 0;
  /** How many of the entries are in the file, or on their way. */
  #claimed = 0;
  /** How many of the entries are to be forgotten should they not get into the file. */
  #discarded = 0;
  #waiting = 0;
  #saving: Promise<void> = Promise.resolve();
  /** Entries are looked at one after another, so that they stay in their order. */
  #looking: Promise<void> = Promise.resolve();
  /** Those that are still looked at, and were not forgotten meanwhile. */
  readonly #looked = new Set<CassetteEntry>();
  /** Those of them that are on their way into the file. */
  #lookedForSave: ReadonlySet<CassetteEntry> = new Set();
  #forgetsRefused = false;

  constructor(path: string, options: RecordingOptions) {
    this.#path = path;
    this.#options = options;
    this.#guard = new GuardPost(options.guards);
  }

  /** The runs that were added by now, and not refused. */
  get entries(): readonly CassetteEntry[] {
    return this.#entries;
  }

  /** Adds a run that has completed. */
  add(entry: CassetteEntry): void {
    if (!this.#guard.isManned) {
      this.#entries.push(entry);
      return;
    }
    this.#looked.add(entry);
    this.#looking = this.#looking.then(async () => {
      const index = this.#options.known + this.#entries.length;
      const admitted = await this.#guard.admits(entry, index, this.#path);
      if (!this.#looked.delete(entry)) this.#guard.forget();
      else if (admitted) this.#entries.push(entry);
    });
  }

  /** Has saves fail: a run that has completed cannot be added. */
  block(error: unknown): void {
    this.#guard.block(error);
  }

  /**
   * Writes all runs there are when its turn comes; saves take turns.
   *
   * @throws {CassetteError} if the file cannot be written, or a run was refused
   */
  save(): Promise<void> {
    this.#claimed = this.#entries.length;
    this.#lookedForSave = new Set(this.#looked);
    this.#waiting++;
    const turn = this.#saving.then(() => this.#write());
    this.#saving = turn.catch(() => {});
    return turn;
  }

  /** Writes, unless every run is in the file by the time that saves under way are done. */
  async saveIfUnsaved(): Promise<void> {
    await this.#looking;
    await this.#saving;
    if (this.#entries.length > this.#saved) await this.save();
  }

  /**
   * Forgets the runs that are neither in the file nor on their way; those that
   * are on their way it forgets if they do not get there.
   */
  discard(): void {
    for (const entry of this.#looked) {
      if (!this.#lookedForSave.has(entry)) this.#looked.delete(entry);
    }
    // A save that is under way is still to fail by what it was refused.
    if (this.#waiting === 0) this.#guard.forget();
    else this.#forgetsRefused = true;
    this.#entries.length = this.#claimed;
    this.#discarded = this.#claimed;
  }

  async #write(): Promise<void> {
    try {
      await this.#looking;
      this.#guard.throwIfRefused();
      // A run that completes from here on is not in this text, and stays unsaved.
      const entries = [...this.#entries];
      this.#claimed = entries.length;
      if (this.#options.adds) {
        await addToCassette(this.#path, entries.slice(this.#saved));
      } else await new Cassette(entries).write(this.#path);
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
    this.#lookedForSave = new Set();
    if (this.#forgetsRefused) this.#guard.forget();
    this.#forgetsRefused = false;
  }
}
