import { addToCassette, Cassette } from "./cassette.ts";
import type { CassetteEntry } from "./entry.ts";
import { checkByGuards, type Guard } from "./guard.ts";

/** How the runs of a recording get into its file. */
export interface RecordingOptions {
  readonly guards: readonly Guard[];
  /** Whether they are added to what is in the file, or replace it. */
  readonly adds: boolean;
  /** How many entries there were in the file to begin with, if it is added to. */
  readonly known: number;
}

/** Why nothing is saved: a run that has completed cannot be kept. */
interface Problem {
  readonly error: unknown;
  /** The run, where a guard has looked at it. */
  readonly entry: CassetteEntry | null;
}

/** The runs recorded for one file, and which of them are in it. */
export class Recording {
  readonly #path: string;
  readonly #options: RecordingOptions;
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
  #problems: readonly Problem[] = [];
  /** What of that is to be forgotten when no save is under way any more, also what is still to come of these runs. */
  readonly #forgotten = new Set<Problem | CassetteEntry>();

  constructor(path: string, options: RecordingOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** The runs that were added by now, and not refused. */
  get entries(): readonly CassetteEntry[] {
    return this.#entries;
  }

  /** Adds a run that has completed. */
  add(entry: CassetteEntry): void {
    const { guards, known } = this.#options;
    if (guards.length === 0) {
      this.#entries.push(entry);
      return;
    }
    this.#looked.add(entry);
    this.#looking = this.#looking.then(async () => {
      let problem: Problem | null = null;
      try {
        const index = known + this.#entries.length;
        await checkByGuards(guards, entry, index, this.#path);
      } catch (error) {
        problem = { error, entry };
      }
      // Unless it was forgotten meanwhile.
      if (!this.#looked.delete(entry)) return;
      if (problem === null) this.#entries.push(entry);
      else this.#problems = [...this.#problems, problem];
    });
  }

  /** Has saves fail: a run that has completed cannot be added. */
  block(error: unknown): void {
    this.#problems = [...this.#problems, { error, entry: null }];
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
    for (const item of [...this.#problems, ...this.#looked]) {
      this.#forgotten.add(item);
    }
    if (this.#waiting === 0) this.#forget();
    this.#entries.length = this.#claimed;
    this.#discarded = this.#claimed;
  }

  async #write(): Promise<void> {
    try {
      await this.#looking;
      if (this.#problems.length > 0) throw this.#problems[0].error;
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
    this.#forget();
  }

  #forget(): void {
    this.#problems = this.#problems.filter((problem) =>
      !this.#forgotten.has(problem) &&
      (problem.entry === null || !this.#forgotten.has(problem.entry))
    );
    this.#forgotten.clear();
  }
}
