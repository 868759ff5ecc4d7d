import { INSPECT } from "../../outcome/inspect.ts";
import { pathText } from "../../command/checks.ts";
import type { CassetteEntry } from "./entry.ts";
import {
  isCassetteThere,
  readCassetteText,
  updateCassetteText,
  writeCassetteText,
} from "./cassette_file.ts";
import type { CassetteContent } from "./unknown_fields.ts";
import { parseCassette } from "./parse.ts";
import { printCassette } from "./print.ts";

/**
 * A cassette's file as data, for tools that look at recordings or edit them.
 *
 * Reading a file and writing it again gives the same bytes, with fields that
 * this version does not know among them, also for entries that were moved to
 * another cassette.
 *
 * @example
 * ```ts
 * import { Cassette } from "@processkit/processkit";
 *
 * const cassette = Cassette.parse('{ "version": 1, "entries": [] }');
 * console.log(cassette.entries.length); // 0
 * ```
 */
export class Cassette {
  /** The recorded runs, in the order in which they completed. */
  readonly entries: readonly CassetteEntry[];
  readonly #head: CassetteContent["head"];

  /** Makes a cassette of entries; see {@linkcode Cassette.parse} and {@linkcode Cassette.read} for a file's. */
  constructor(entries: Iterable<CassetteEntry> = []) {
    const loaded = entries instanceof Loaded ? entries.content : null;
    this.entries = loaded?.entries ?? Object.freeze([...entries]);
    this.#head = loaded?.head ?? null;
  }

  /**
   * Makes a cassette of its text; `path` is for messages.
   *
   * @throws {CassetteError} `invalid-data` if it is no cassette
   */
  static parse(text: string, path: string = "(text)"): Cassette {
    return new Cassette(new Loaded(parseCassette(text, path)));
  }

  /**
   * Reads a cassette from its file: a regular one of at most 64 MiB.
   *
   * @throws {CassetteError} if there is none, it cannot be read, or it is no cassette
   */
  static async read(path: string | URL): Promise<Cassette> {
    const file = pathText("the cassette's path", path);
    return Cassette.parse(await readCassetteText(file), file);
  }

  /** The text of the file. */
  toString(): string {
    return printCassette({ entries: this.entries, head: this.#head });
  }

  /** What `console.log` prints: how many entries there are. {@linkcode Cassette.toString} is the whole file. */
  [INSPECT](): string {
    return `Cassette { ${this.entries.length} entries }`;
  }

  /**
   * Writes the file whole, readable and writable by its owner only; missing
   * folders are created.
   *
   * @throws {CassetteError} if it cannot be written, the path is a symbolic link, or
   *   there would be more than 64 MiB; the file is then as it was
   */
  async write(path: string | URL): Promise<void> {
    const file = pathText("the cassette's path", path);
    await writeCassetteText(file, () => this.toString());
  }
}

/**
 * Adds entries to a cassette's file, which is made if it is not there; whoever else adds
 * to it, or saves it, comes before or after that. With nothing to add, a file that is
 * there is left alone.
 *
 * @throws {CassetteError} if the file cannot be read, written or locked, or is no cassette
 */
export async function addToCassette(
  path: string,
  entries: readonly CassetteEntry[],
): Promise<void> {
  // Whoever adds nothing needs no permission to write.
  if (entries.length === 0 && await isCassetteThere(path)) return;
  await updateCassetteText(path, (text) => {
    if (text === null) return new Cassette(entries).toString();
    const content = parseCassette(text, path);
    return printCassette({
      ...content,
      entries: [...content.entries, ...entries],
    });
  });
}

/** Brings what was loaded past the public constructor. */
class Loaded implements Iterable<CassetteEntry> {
  constructor(readonly content: CassetteContent) {}

  [Symbol.iterator](): Iterator<CassetteEntry> {
    return this.content.entries[Symbol.iterator]();
  }
}
