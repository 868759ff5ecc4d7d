/** A text that is not to be in the file, and the name of what stands in for it there. */
export interface StandIn {
  readonly name: string;
  /** `null` where it is not known: then what stands in for it stays. */
  readonly text: string | null;
  /** Whether it is the path of a folder, and not a part of another name. */
  readonly isFolder: boolean;
}

/**
 * What stands in for texts: `<NAME>`. The way there and back is exact, also for a text
 * that holds a `<NAME>` of its own: that gets a backslash more, `<\NAME>`.
 */
export class StandIns {
  readonly #nameOf = new Map<string, string>();
  readonly #textOf = new Map<string, string>();
  readonly #hidden: RegExp;
  readonly #shown: RegExp;

  constructor(standIns: readonly StandIn[]) {
    const names = standIns.map(({ name }) => RegExp.escape(name)).join("|");
    const patterns: { text: string; pattern: string }[] = [];
    for (const { name, text, isFolder } of standIns) {
      if (text === null) continue;
      if (!this.#textOf.has(name)) this.#textOf.set(name, text);
      // The root of all files stands in front of every path: it cannot be told from them.
      if (text === "" || this.#nameOf.has(text)) continue;
      this.#nameOf.set(text, name);
      patterns.push({ text, pattern: isFolder ? folder(text) : literal(text) });
    }
    // Of two that begin in one place the longer one counts.
    patterns.sort((one, other) => other.text.length - one.text.length);
    this.#hidden = new RegExp(
      [...patterns.map(({ pattern }) => pattern), `<\\\\*(?:${names})>`].join(
        "|",
      ),
      "gu",
    );
    this.#shown = new RegExp(`<(\\\\*)(${names})>`, "gu");
  }

  /** The text with stand-ins in it. */
  hide(text: string): string {
    return text.replace(this.#hidden, (found) => {
      const name = this.#nameOf.get(found);
      return name === undefined ? `<\\${found.slice(1)}` : `<${name}>`;
    });
  }

  /** The text that {@linkcode StandIns.hide} was given. */
  show(text: string): string {
    return text.replace(
      this.#shown,
      (found, backslashes: string, name: string) =>
        backslashes === ""
          ? this.#textOf.get(name) ?? found
          : `<${backslashes.slice(1)}${name}>`,
    );
  }
}

function literal(text: string): string {
  return RegExp.escape(text);
}

/** A character that can be part of the name of a file without ending it. */
const NAME = "[\\p{L}\\p{M}\\p{N}_\\-]";

function folder(path: string): string {
  // `/tmp` in `/var/tmp` is another folder; `/home/me` in `-I/home/me` is not.
  const isShort = !path.slice(1).match(/[/\\]/);
  return `${isShort ? `(?<!${NAME})(?<!\\.)` : ""}${literal(path)}` +
    `(?!${NAME}|\\.${NAME})`;
}
