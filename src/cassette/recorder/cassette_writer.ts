import { appendToCassette, Cassette } from "../format/cassette.ts";
import type { CassetteEntry } from "../format/entry.ts";
import { type Guard, runGuards } from "../transform/guard.ts";
import { setUnsaved, type UnsavedRuns } from "./unsaved_runs.ts";

/** How a {@linkcode CassetteWriter} writes its file. */
export interface CassetteWriterOptions {
  readonly guards: readonly Guard[];
  /** Whether a save appends to the file instead of replacing it. */
  readonly appends: boolean;
  /** The number of entries that were in the file before, if a save appends to it. */
  readonly existing: number;
}

/** A completed run on its way into the file. */
interface Item {
  /** The entry; `null` for a run of which no entry could be made. */
  readonly entry: CassetteEntry | null;
  /**
   * `"checking"` until the guards have accepted the entry; `"failed"` if they refused it, or
   * there is no entry.
   */
  state: "checking" | "accepted" | "failed" | "saved";
  /** The reason for the state `"failed"`, which each save throws. */
  error: unknown;
  /** Whether the run was discarded. A pending save that includes it may still save it. */
  isDiscarded: boolean;
  /** The number of pending saves that include this run. */
  pendingSaves: number;
}

/** Collects the completed runs of a recording and writes them to the cassette file. */
export class CassetteWriter {
  readonly #path: string;
  readonly #options: CassetteWriterOptions;
  readonly #unsaved: UnsavedRuns;
  /** In the order in which the runs completed. */
  #items: Item[] = [];
  /** The number of accepted or saved items. */
  #entryCount = 0;
  /** Settles when the latest save is done. */
  #saving: Promise<void> = Promise.resolve();
  /** Settles when the guards have checked all items. They check one at a time, in order. */
  #checking: Promise<void> = Promise.resolve();

  constructor(path: string, options: CassetteWriterOptions) {
    this.#path = path;
    this.#options = options;
    this.#unsaved = { path, count: 0 };
  }

  /** The entries that are accepted or saved. */
  get entries(): readonly CassetteEntry[] {
    return entriesOf(this.#items);
  }

  /** Adds the entry of a completed run. */
  add(entry: CassetteEntry): void {
    const hasGuards = this.#options.guards.length > 0;
    const item = itemOf(entry, hasGuards ? "checking" : "accepted");
    this.#items.push(item);
    setUnsaved(this.#unsaved, this.#unsaved.count + 1);
    if (hasGuards) {
      this.#checking = this.#checking.then(() => this.#check(item, entry));
    } else this.#entryCount++;
  }

  /** Adds a completed run of which no entry could be made. Saves throw `error` until it is discarded. */
  addFailure(error: unknown): void {
    this.#items.push({ ...itemOf(null, "failed"), error });
    setUnsaved(this.#unsaved, this.#unsaved.count + 1);
  }

  /**
   * Writes all runs that have completed when the turn of this save comes. Concurrent saves
   * are done one after another.
   *
   * @throws {CassetteError} if the file cannot be written, or a guard refused a run. The
   *   error of a failed run is thrown unchanged.
   */
  save(): Promise<void> {
    const included = new Set(this.#items.filter((item) => !item.isDiscarded));
    for (const item of included) item.pendingSaves++;
    const save = this.#saving.then(() => this.#write(included)).finally(() => {
      for (const item of included) item.pendingSaves--;
      // Before the next save starts, which does not include the discarded runs.
      this.#dropDiscarded();
    });
    this.#saving = save.catch(() => {});
    return save;
  }

  /** Saves if any accepted run is not in the file after all pending saves. */
  async saveIfUnsaved(): Promise<void> {
    await this.#checking;
    await this.#saving;
    if (this.#items.some(({ state }) => state === "accepted")) {
      await this.save();
    }
  }

  /**
   * Discards the runs that are not saved. A run that a pending save includes is discarded only
   * if that save fails.
   */
  discard(): void {
    for (const item of this.#items) {
      item.isDiscarded = item.state !== "saved";
    }
    this.#dropDiscarded();
  }

  async #check(item: Item, entry: CassetteEntry): Promise<void> {
    const index = this.#options.existing + this.#entryCount;
    try {
      await runGuards(this.#options.guards, entry, index, this.#path);
      item.state = "accepted";
      if (isRetained(item)) this.#entryCount++;
    } catch (error) {
      item.state = "failed";
      item.error = error;
    }
  }

  /** Writes the items that the save includes, and all items added before its turn. */
  async #write(included: Set<Item>): Promise<void> {
    await this.#checking;
    const items = this.#items.filter(({ state }) => state !== "checking");
    const failed = items.find(({ state }) => state === "failed");
    if (failed !== undefined) throw failed.error;
    for (const item of items) {
      if (!included.has(item)) item.pendingSaves++;
      included.add(item);
    }
    if (this.#options.appends) {
      const added = items.filter(({ state }) => state === "accepted");
      await appendToCassette(this.#path, entriesOf(added));
    } else await new Cassette(entriesOf(items)).write(this.#path);
    for (const item of items) {
      item.state = "saved";
      item.isDiscarded = false;
    }
  }

  /** Removes the discarded items that no pending save includes. */
  #dropDiscarded(): void {
    this.#items = this.#items.filter(isRetained);
    const unsaved = this.#items.filter(({ state, isDiscarded }) =>
      state !== "saved" && !isDiscarded
    );
    setUnsaved(this.#unsaved, unsaved.length);
    this.#entryCount = entriesOf(this.#items).length;
  }
}

function itemOf(entry: CassetteEntry | null, state: Item["state"]): Item {
  return { entry, state, error: null, isDiscarded: false, pendingSaves: 0 };
}

function isRetained({ isDiscarded, pendingSaves }: Item): boolean {
  return !isDiscarded || pendingSaves > 0;
}

function entriesOf(items: readonly Item[]): CassetteEntry[] {
  return items.flatMap(({ entry, state }) =>
    entry !== null && (state === "accepted" || state === "saved") ? [entry] : []
  );
}
