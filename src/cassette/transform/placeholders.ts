/** A value and the placeholder `<name>` that replaces it in the file. */
export interface Placeholder {
  readonly name: string;
  /** The value; `null` if it is not known. A placeholder in the file then stays as it is. */
  readonly text: string | null;
  /** Whether the value is the path of a folder, which does not match within a longer file name. */
  readonly isFolder: boolean;
}

/** An occurrence of a secret in a text. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/**
 * Replaces values with placeholders of the form `<NAME>`, and restores them.
 *
 * Restoring is exact. A `<NAME>` that the text already contains is escaped with a backslash,
 * as `<\NAME>`. One that already has backslashes gets one more.
 *
 * If two secrets overlap in a text, no part of either stays: `<NAME\8>` stands for the rest
 * of the second secret, without its first 8 characters.
 */
export class Placeholders {
  readonly #secrets: readonly {
    readonly name: string;
    readonly text: string;
  }[];
  readonly #folderNames = new Map<string, string>();
  readonly #values = new Map<string, string>();
  readonly #insertPattern: RegExp;
  readonly #restorePattern: RegExp;

  constructor(placeholders: readonly Placeholder[]) {
    const names = placeholders.map(({ name }) => RegExp.escape(name)).join("|");
    const secrets: { name: string; text: string }[] = [];
    for (const { name, text, isFolder } of placeholders) {
      if (text === null || this.#values.has(name)) continue;
      this.#values.set(name, text);
      if (!isFolder) secrets.push({ name, text });
      // The root folder (an empty text) is never replaced: every absolute path begins with it.
      else if (text !== "" && !this.#folderNames.has(text)) {
        this.#folderNames.set(text, name);
      }
    }
    this.#secrets = secrets;
    // The longest first: of two folders that match at one position, the inner one is used.
    const folders = [...this.#folderNames.keys()].sort((one, other) =>
      other.length - one.length
    );
    this.#insertPattern = new RegExp(
      [...folders.map(folderPattern), `<\\\\*(?:${names})(?:\\\\\\d+)?>`].join(
        "|",
      ),
      "gu",
    );
    this.#restorePattern = new RegExp(`<(\\\\*)(${names})(\\\\\\d+)?>`, "gu");
  }

  /** Replaces the known values in a text with placeholders. */
  insert(text: string): string {
    const spans = this.#spansIn(text);
    if (spans.length === 0) return this.#insertFolders(text);
    const parts: string[] = [];
    let at = 0;
    for (const { start, end, name } of spans) {
      if (end <= at) continue;
      if (start >= at) {
        parts.push(this.#insertFolders(text.slice(at, start)), `<${name}>`);
      } else parts.push(`<${name}\\${at - start}>`);
      at = end;
    }
    parts.push(this.#insertFolders(text.slice(at)));
    return parts.join("");
  }

  /**
   * Replaces the placeholders in a text with their values. The inverse of
   * {@linkcode Placeholders.insert}.
   */
  restore(text: string): string {
    return text.replace(
      this.#restorePattern,
      (
        found,
        backslashes: string,
        name: string,
        from: string | undefined,
        at: number,
      ) => {
        if (backslashes !== "") {
          return `<${backslashes.slice(1)}${name}${from ?? ""}>`;
        }
        const value = this.#values.get(name);
        // The root folder is the `/` that follows the placeholder, if one does.
        if (value === "") return text[at + found.length] === "/" ? "" : "/";
        return value?.slice(Number(from?.slice(1) ?? 0)) ?? found;
      },
    );
  }

  /** All occurrences of all secrets, ordered by start, and then by length, the longest first. */
  #spansIn(text: string): Span[] {
    const spans: Span[] = [];
    for (const { name, text: secret } of this.#secrets) {
      for (const start of occurrencesOf(secret, text)) {
        spans.push({ start, end: start + secret.length, name });
      }
    }
    return spans.sort((one, other) =>
      one.start - other.start || other.end - one.end
    );
  }

  #insertFolders(text: string): string {
    return text.replace(this.#insertPattern, (found) => {
      const name = this.#folderNames.get(found);
      return name === undefined ? `<\\${found.slice(1)}` : `<${name}>`;
    });
  }
}

/** Yields the index of every occurrence of `part` in a text, including overlapping ones. */
export function* occurrencesOf(part: string, text: string): Iterable<number> {
  for (
    let index = text.indexOf(part);
    index >= 0;
    index = text.indexOf(part, index + 1)
  ) yield index;
}

/** A character that continues a file name: `/home/me` is not in `/home/mean`. */
const NAME_CHARACTER = "[\\p{L}\\p{M}\\p{N}_\\-]";

function folderPattern(path: string): string {
  // A path of one segment must not follow a name: `/tmp` is not in `/var/tmp`. A longer
  // path may: `/home/me` is in `-I/home/me`.
  const hasOneSegment = !path.slice(1).match(/[/\\]/);
  const before = hasOneSegment ? `(?<!${NAME_CHARACTER})(?<!\\.)` : "";
  return `${before}${RegExp.escape(path)}` +
    `(?!${NAME_CHARACTER}|\\.${NAME_CHARACTER})`;
}
