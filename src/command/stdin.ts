import { INSPECT } from "../outcome/inspect.ts";
import { StdinConsumedError } from "../outcome/errors.ts";
import { pathText } from "./checks.ts";
import type { StageConnection } from "./stage_connection.ts";

/** Where a run's stdin comes from, as plain data. */
export type StdinSource =
  | { readonly kind: "empty" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stream"; readonly stream: ReadableStream<Uint8Array> }
  | { readonly kind: "async-lines"; readonly lines: AsyncIterable<string> }
  | { readonly kind: "stage"; readonly connection: StageConnection };

/** Reads what only runners need to know; set by {@linkcode Stdin} itself. */
export let stdinSourceOf: (stdin: Stdin) => StdinSource;

/** What a stage of a pipeline reads from the one before it; set by {@linkcode Stdin} itself. */
export let stdinFrom: (connection: StageConnection) => Stdin;

/**
 * What a child reads from its stdin.
 *
 * The in-memory sources and {@linkcode Stdin.fromFile} can feed any number of
 * runs. {@linkcode Stdin.fromStream} and {@linkcode Stdin.fromAsyncLines} are
 * one-shot: a second run with one throws `StdinConsumedError`, and no cassette
 * can record or replay it.
 *
 * @example
 * ```ts
 * import { Command, Stdin } from "@processkit/processkit";
 *
 * const sorted = await new Command("sort").stdin(Stdin.fromLines(["b", "a"])).run();
 * console.log(sorted); // "a\nb"
 * ```
 */
export class Stdin {
  static {
    stdinSourceOf = (stdin) => stdin.#source;
    stdinFrom = (connection) => new Stdin({ kind: "stage", connection });
  }

  readonly #source: StdinSource;

  private constructor(source: StdinSource) {
    this.#source = source;
    Object.freeze(this);
  }

  /** No input: stdin is closed at the start. The default. */
  static empty(): Stdin {
    return new Stdin({ kind: "empty" });
  }

  /** The text as UTF-8. */
  static fromString(text: string): Stdin {
    return new Stdin({ kind: "bytes", bytes: new TextEncoder().encode(text) });
  }

  /** A copy of the bytes, so that changing them later changes nothing here. */
  static fromBytes(bytes: Uint8Array): Stdin {
    return new Stdin({ kind: "bytes", bytes: new Uint8Array(bytes) });
  }

  /** The lines as UTF-8, with `"\n"` after every one, also the last. The iterable is read at once. */
  static fromLines(lines: Iterable<string>): Stdin {
    let text = "";
    for (const line of lines) text += `${line}\n`;
    return Stdin.fromString(text);
  }

  /**
   * The content of a file, opened anew for every run and never read whole. A
   * relative path is relative to the caller's own working directory.
   *
   * A file that cannot be opened makes the run fail with `SpawnError` before
   * anything is started.
   *
   * @throws {TypeError} if the path is empty, holds a NUL, or is no `file:` URL
   */
  static fromFile(path: string | URL): Stdin {
    return new Stdin({ kind: "file", path: pathText("the stdin file", path) });
  }

  /** A stream of bytes, for one run. It is not touched before that run has started. */
  static fromStream(stream: ReadableStream<Uint8Array>): Stdin {
    return new Stdin({ kind: "stream", stream });
  }

  /** Lines that are still to come, as UTF-8 with `"\n"` after every one, for one run. */
  static fromAsyncLines(lines: AsyncIterable<string>): Stdin {
    return new Stdin({ kind: "async-lines", lines });
  }

  /** What `console.log` prints: the kind of source, and its size. */
  [INSPECT](): string {
    const source = this.#source;
    const what = source.kind === "bytes"
      ? `${source.bytes.length} bytes`
      : source.kind === "file"
      ? `file ${source.path}`
      : source.kind;
    return `Stdin { ${what} }`;
  }

  /** Whether there is no input at all. An empty string is input: of no bytes. */
  get isEmpty(): boolean {
    return this.#source.kind === "empty";
  }

  /** Whether this can feed one run only. */
  get isOneShot(): boolean {
    return oneShotOf(this.#source) !== null;
  }
}

/** The sources that feed, or have fed, a run. */
const claimed = new WeakSet<object>();

/**
 * Claims a one-shot source for a run of `program`, before anything is started;
 * for every other source it does nothing. Returns the way back, for a run that
 * could not start after all.
 *
 * @throws {StdinConsumedError} if another run has it, or someone else reads it
 */
export function claimStdin(source: StdinSource, program: string): () => void {
  const oneShot = oneShotOf(source);
  if (oneShot === null) return doNothing;
  if (
    claimed.has(oneShot) || (source.kind === "stream" && source.stream.locked)
  ) {
    throw new StdinConsumedError(program);
  }
  claimed.add(oneShot);
  return () => claimed.delete(oneShot);
}

/** The object that can be used once, or `null` for a source that can be used again. */
function oneShotOf(source: StdinSource): object | null {
  switch (source.kind) {
    case "stream":
      return source.stream;
    case "async-lines":
      return source.lines;
    case "stage":
      return source.connection;
    default:
      return null;
  }
}

function doNothing(): void {}
