import { pathText } from "../../command/checks.ts";
import { INSPECT } from "../../outcome/inspect.ts";
import {
  cassetteExists,
  readCassetteText,
  updateCassetteText,
  writeCassetteText,
} from "./cassette_file.ts";
import type { CassetteEntry } from "./entry.ts";
import { parseCassette } from "./parse.ts";
import { printCassette } from "./print.ts";
import type { CassetteContent } from "./unknown_fields.ts";

/**
 * Holds the entries of a cassette file as plain data, for tools that inspect or edit
 * recordings.
 *
 * Reading a file and writing it again gives the same bytes. Unknown fields are kept,
 * including those of an entry that is moved to another cassette.
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
  readonly #fileFields: CassetteContent["fileFields"];

  /**
   * Creates a cassette from entries. To get the cassette of a text or a file, use
   * {@linkcode Cassette.parse} or {@linkcode Cassette.read}.
   */
  constructor(entries: Iterable<CassetteEntry> = []) {
    const parsed = entries instanceof ParsedEntries ? entries.content : null;
    this.entries = parsed?.entries ?? Object.freeze([...entries]);
    this.#fileFields = parsed?.fileFields ?? null;
  }

  /**
   * Parses the text of a cassette file. `path` names the cassette in error messages.
   *
   * @throws {CassetteError} with the reason `"invalid-data"` if the text is not a valid
   *   cassette
   */
  static parse(text: string, path: string = "(text)"): Cassette {
    return new Cassette(new ParsedEntries(parseCassette(text, path)));
  }

  /**
   * Reads a cassette file. It must be a regular file of at most 64 MiB.
   *
   * @throws {CassetteError} if the file does not exist, cannot be read, or is not a valid
   *   cassette
   */
  static async read(path: string | URL): Promise<Cassette> {
    const file = pathText("the cassette's path", path);
    return Cassette.parse(await readCassetteText(file), file);
  }

  /** Returns the text of the cassette file. */
  toString(): string {
    return printCassette({
      entries: this.entries,
      fileFields: this.#fileFields,
    });
  }

  /**
   * Returns the text that `console.log` prints: the number of entries. Use
   * {@linkcode Cassette.toString} for the whole file.
   */
  [INSPECT](): string {
    return `Cassette { ${this.entries.length} entries }`;
  }

  /**
   * Writes the cassette to a file, replacing an existing file as a whole. Only the owner
   * may read and write the file. Missing folders are created.
   *
   * @throws {CassetteError} if the file cannot be written, the path is a symbolic link, or
   *   the text is longer than 64 MiB. An existing file then stays as it was.
   */
  async write(path: string | URL): Promise<void> {
    const file = pathText("the cassette's path", path);
    await writeCassetteText(file, () => this.toString());
  }
}

/**
 * Appends entries to a cassette file, and creates the file if it does not exist. The
 * folder is locked meanwhile, so that a concurrent append or save happens before or after
 * this one. If there is nothing to append, an existing file is not touched.
 *
 * @throws {CassetteError} if the file cannot be read, written or locked, or is not a valid
 *   cassette
 */
export async function appendToCassette(
  path: string,
  entries: readonly CassetteEntry[],
): Promise<void> {
  // Without new entries, no write permission must be needed.
  if (entries.length === 0 && await cassetteExists(path)) return;
  await updateCassetteText(path, (text) => {
    if (text === null) return new Cassette(entries).toString();
    const content = parseCassette(text, path);
    return printCassette({
      ...content,
      entries: [...content.entries, ...entries],
    });
  });
}

/**
 * Passes a parsed file through the constructor of {@linkcode Cassette}, whose public
 * signature takes entries alone.
 */
class ParsedEntries implements Iterable<CassetteEntry> {
  constructor(readonly content: CassetteContent) {}

  [Symbol.iterator](): Iterator<CassetteEntry> {
    return this.content.entries[Symbol.iterator]();
  }
}
