import { appendToCassette, Cassette } from "../format/cassette.ts";
import type { CassetteEntry } from "../format/entry.ts";
import { setUnsaved, type UnsavedRuns } from "./unsaved_runs.ts";
import { type Guard, runGuards } from "../transform/guard.ts";

/** How the runs of a recording get into its file. */
export interface CassetteWriterOptions {
  readonly guards: readonly Guard[];
  /** Whether they are added to what is in the file, or replace it. */
  readonly adds: boolean;
  /** How many entries there were in the file to begin with, if it is added to. */
  readonly known: number;
}

/** A run that has completed, on its way into the file. */
interface Item {
  /** `null` for one that cannot be kept. */
  readonly entry: CassetteEntry | null;
  state: "looked at" | "kept" | "blocked" | "in the file";
  /** Why it is blocked. */
  error: unknown;
  /** Whether it is to be forgotten, should it not get into the file by a save that has it. */
  isDiscarded: boolean;
  /** How many saves that are not over have it. */
  saves: number;
}

/** The runs recorded for one file, and which of them are in it. */
export class CassetteWriter {
  readonly #path: string;
  readonly #options: CassetteWriterOptions;
  readonly #unsaved: UnsavedRuns;
  /** In the order in which they completed. */
  #items: Item[] = [];
  /** How many of them are kept, or in the file. */
  #kept = 0;
  #saving: Promise<void> = Promise.resolve();
  /** Entries are looked at one after another, so that they stay in their order. */
  #looking: Promise<void> = Promise.resolve();

  constructor(path: string, options: CassetteWriterOptions) {
    this.#path = path;
    this.#options = options;
    this.#unsaved = { path, count: 0 };
  }

  /** The runs that are kept by now, or in the file. */
  get entries(): readonly CassetteEntry[] {
    return entriesOf(this.#items);
  }

  /** Adds a run that has completed. */
  add(entry: CassetteEntry): void {
    const isGuarded = this.#options.guards.length > 0;
    const item = itemOf(entry, isGuarded ? "looked at" : "kept");
    this.#items.push(item);
    setUnsaved(this.#unsaved, this.#unsaved.count + 1);
    if (isGuarded) {
      this.#looking = this.#looking.then(() => this.#lookAt(item, entry));
    } else this.#kept++;
  }

  /** Has saves fail: a run that has completed cannot be added. */
  block(error: unknown): void {
    this.#items.push({ ...itemOf(null, "blocked"), error });
    setUnsaved(this.#unsaved, this.#unsaved.count + 1);
  }

  /**
   * Writes all runs there are when its turn comes; saves take turns.
   *
   * @throws {CassetteError} if the file cannot be written, or a run was refused
   */
  save(): Promise<void> {
    const taken = new Set(this.#items.filter((item) => !item.isDiscarded));
    for (const item of taken) item.saves++;
    const turn = this.#saving.then(() => this.#write(taken)).finally(() => {
      for (const item of taken) item.saves--;
      // Before the next one has its turn: it did not take what was discarded.
      this.#forget();
    });
    this.#saving = turn.catch(() => {});
    return turn;
  }

  /** Writes, unless every run is in the file by the time that saves under way are done. */
  async saveIfUnsaved(): Promise<void> {
    await this.#looking;
    await this.#saving;
    if (this.#items.some(({ state }) => state === "kept")) await this.save();
  }

  /**
   * Forgets the runs that are neither in the file nor on their way; those that
   * are on their way it forgets if they do not get there.
   */
  discard(): void {
    for (const item of this.#items) {
      item.isDiscarded = item.state !== "in the file";
    }
    this.#forget();
  }

  async #lookAt(item: Item, entry: CassetteEntry): Promise<void> {
    const index = this.#options.known + this.#kept;
    try {
      await runGuards(this.#options.guards, entry, index, this.#path);
      item.state = "kept";
      if (isRetained(item)) this.#kept++;
    } catch (error) {
      item.state = "blocked";
      item.error = error;
    }
  }

  /** Writes what a save took, and what came until its turn. */
  async #write(taken: Set<Item>): Promise<void> {
    await this.#looking;
    const items = this.#items.filter(({ state }) => state !== "looked at");
    const blocked = items.find(({ state }) => state === "blocked");
    if (blocked !== undefined) throw blocked.error;
    // What came until now is on its way as well.
    for (const item of items) {
      if (!taken.has(item)) item.saves++;
      taken.add(item);
    }
    if (this.#options.adds) {
      const added = items.filter(({ state }) => state === "kept");
      await appendToCassette(this.#path, entriesOf(added));
    } else await new Cassette(entriesOf(items)).write(this.#path);
    for (const item of items) {
      item.state = "in the file";
      item.isDiscarded = false;
    }
  }

  #forget(): void {
    this.#items = this.#items.filter(isRetained);
    const unsaved = this.#items.filter(({ state, isDiscarded }) =>
      state !== "in the file" && !isDiscarded
    );
    setUnsaved(this.#unsaved, unsaved.length);
    this.#kept = entriesOf(this.#items).length;
  }
}

function itemOf(entry: CassetteEntry | null, state: Item["state"]): Item {
  return { entry, state, error: null, isDiscarded: false, saves: 0 };
}

/** Whether it is to get into the file, or a save that is not over has it. */
function isRetained({ isDiscarded, saves }: Item): boolean {
  return !isDiscarded || saves > 0;
}

function entriesOf(items: readonly Item[]): CassetteEntry[] {
  return items.flatMap(({ entry, state }) =>
    entry !== null && (state === "kept" || state === "in the file")
      ? [entry]
      : []
  );
}
