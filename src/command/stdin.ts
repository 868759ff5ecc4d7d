import { StdinConsumedError } from "../outcome/errors.ts";
import { INSPECT } from "../outcome/inspect.ts";
import { pathText } from "./checks.ts";
import type { StageConnection } from "./stage_connection.ts";

/** The source of a run's stdin, as plain data. */
export type StdinSource =
  | { readonly kind: "empty" }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "stream"; readonly stream: ReadableStream<Uint8Array> }
  | { readonly kind: "async-lines"; readonly lines: AsyncIterable<string> }
  | { readonly kind: "stage"; readonly connection: StageConnection };

// The following functions need private members of Stdin. Its static block assigns them.

/** Returns the source of a stdin. */
export let stdinSourceOf: (stdin: Stdin) => StdinSource;

/** Creates the stdin of a stage that reads from the stage before it. */
export let stdinFrom: (connection: StageConnection) => Stdin;

/**
 * Describes what a child reads from its stdin.
 *
 * The sources in memory and {@linkcode Stdin.fromFile} can be used for any number of runs.
 * {@linkcode Stdin.fromStream} and {@linkcode Stdin.fromAsyncLines} are one-shot sources: a
 * second run rejects with a `StdinConsumedError`, and a cassette cannot record or replay
 * such a run.
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

  /** Creates an empty stdin: the child reads the end of its input at once. */
  static empty(): Stdin {
    return new Stdin({ kind: "empty" });
  }

  /** Creates a stdin from a text, which is sent as UTF-8. */
  static fromString(text: string): Stdin {
    return new Stdin({ kind: "bytes", bytes: new TextEncoder().encode(text) });
  }

  /** Creates a stdin from a copy of the bytes. */
  static fromBytes(bytes: Uint8Array): Stdin {
    return new Stdin({ kind: "bytes", bytes: new Uint8Array(bytes) });
  }

  /** Creates a stdin from lines, which are sent as UTF-8 with `"\n"` after each. The iterable is read at once. */
  static fromLines(lines: Iterable<string>): Stdin {
    let text = "";
    for (const line of lines) text += `${line}\n`;
    return Stdin.fromString(text);
  }

  /**
   * Creates a stdin from a file. Each run opens the file and reads it in pieces. A relative
   * path is relative to the working directory of the caller.
   *
   * If the file cannot be opened, the run rejects with a `SpawnError`, and nothing is started.
   *
   * @throws {TypeError} if the path is empty, contains a NUL character, or is a URL other than `file:`
   */
  static fromFile(path: string | URL): Stdin {
    return new Stdin({ kind: "file", path: pathText("the stdin file", path) });
  }

  /** Creates a one-shot stdin from a stream of bytes. The stream is not read before the run has started. */
  static fromStream(stream: ReadableStream<Uint8Array>): Stdin {
    return new Stdin({ kind: "stream", stream });
  }

  /** Creates a one-shot stdin from an async iterable of lines, which are sent as UTF-8 with `"\n"` after each. */
  static fromAsyncLines(lines: AsyncIterable<string>): Stdin {
    return new Stdin({ kind: "async-lines", lines });
  }

  /** Returns what `console.log` prints: the kind and the size of the source. */
  [INSPECT](): string {
    const source = this.#source;
    const description = source.kind === "bytes"
      ? `${source.bytes.length} bytes`
      : source.kind === "file"
      ? `file ${source.path}`
      : source.kind;
    return `Stdin { ${description} }`;
  }

  /** Whether there is no input. An empty string is input of length 0, for which this is `false`. */
  get isEmpty(): boolean {
    return this.#source.kind === "empty";
  }

  /** Whether this can be used for one run only. */
  get isOneShot(): boolean {
    return oneShotOf(this.#source) !== null;
  }
}

/** The one-shot sources that a run uses or has used. */
const claimed = new WeakSet<object>();

/**
 * Claims a one-shot source for a run of `program`, before the child is started. Returns a
 * function that releases the source, for a run that does not start. Does nothing for a
 * reusable source.
 *
 * @throws {StdinConsumedError} if another run claimed the source, or its stream is locked
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

/** Returns the object that can be used once, or `null` for a reusable source. */
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
