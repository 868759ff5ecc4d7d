/** A text that is not to be in the file, and the name of what stands in for it there. */
export interface Placeholder {
  readonly name: string;
  /** `null` where it is not known: then what stands in for it stays. */
  readonly text: string | null;
  /** Whether it is the path of a folder, and not a part of another name. */
  readonly isFolder: boolean;
}

/** Where a secret is. */
interface Span {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/**
 * What stands in for texts: `<NAME>`. The way there and back is exact, also for a text
 * that holds a `<NAME>` of its own: that gets a backslash more, `<\NAME>`.
 *
 * Nothing of a secret stays, also where two of them share a part: of the second one
 * `<NAME\8>` stands for what is left from the 8th character on.
 */
export class Placeholders {
  readonly #secrets: readonly {
    readonly name: string;
    readonly text: string;
  }[];
  readonly #folderOf = new Map<string, string>();
  readonly #textOf = new Map<string, string>();
  readonly #insertPattern: RegExp;
  readonly #restorePattern: RegExp;

  constructor(placeholders: readonly Placeholder[]) {
    const names = placeholders.map(({ name }) => RegExp.escape(name)).join("|");
    const secrets: { name: string; text: string }[] = [];
    for (const { name, text, isFolder } of placeholders) {
      if (text === null || this.#textOf.has(name)) continue;
      this.#textOf.set(name, text);
      if (!isFolder) secrets.push({ name, text });
      // The root of all files stands in front of every path: it cannot be told from them.
      else if (text !== "" && !this.#folderOf.has(text)) {
        this.#folderOf.set(text, name);
      }
    }
    this.#secrets = secrets;
    // Of two folders that begin in one place the longer one counts.
    const folders = [...this.#folderOf.keys()].sort((one, other) =>
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

  /** The text with stand-ins in it. */
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

  /** The text that {@linkcode Placeholders.insert} was given. */
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
        const secret = this.#textOf.get(name);
        // The root of all files is the `/` that comes next, unless none does.
        if (secret === "") return text[at + found.length] === "/" ? "" : "/";
        return secret?.slice(Number(from?.slice(1) ?? 0)) ?? found;
      },
    );
  }

  /** Every place of every secret, from the left, and the longer one first. */
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
      const name = this.#folderOf.get(found);
      return name === undefined ? `<\\${found.slice(1)}` : `<${name}>`;
    });
  }
}

/** Every place of `part` in a text, also where two of them overlap. */
export function* occurrencesOf(part: string, text: string): Iterable<number> {
  for (
    let place = text.indexOf(part);
    place >= 0;
    place = text.indexOf(part, place + 1)
  ) yield place;
}

/** A character that can be part of the name of a file without ending it. */
const NAME = "[\\p{L}\\p{M}\\p{N}_\\-]";

function folderPattern(path: string): string {
  // `/tmp` in `/var/tmp` is another folder; `/home/me` in `-I/home/me` is not.
  const isShort = !path.slice(1).match(/[/\\]/);
  return `${isShort ? `(?<!${NAME})(?<!\\.)` : ""}${RegExp.escape(path)}` +
    `(?!${NAME}|\\.${NAME})`;
}
