import { StdinClosedError } from "../outcome/errors.ts";
import type { StdinPort } from "./stdin_writer.ts";

const ENCODER = new TextEncoder();

/**
 * Writes to the stdin of a live process. It is also a `WritableStream`. Strings are
 * written as UTF-8.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * await using sort = await new Command("sort").keepStdinOpen().start();
 * const stdin = sort.takeStdin()!;
 * await stdin.writeLine("b");
 * await stdin.writeLine("a");
 * await stdin.finish();
 * console.log((await sort.outputString()).stdout); // "a\nb"
 * ```
 */
export class ProcessStdin extends WritableStream<string | Uint8Array> {
  /** Used by the library; get an instance from {@linkcode RunningProcess.takeStdin}. */
  constructor(program: string, port: StdinPort) {
    const state = { isClosed: false };
    const close = () => {
      state.isClosed = true;
      return port.close();
    };
    super({
      async write(data) {
        const bytes = typeof data === "string" ? ENCODER.encode(data) : data;
        if (!(bytes instanceof Uint8Array)) {
          throw new TypeError(
            `stdin: expected a string or a Uint8Array, got ${typeof data}`,
          );
        }
        if (bytes.length === 0 || await port.write(bytes)) return;
        await close();
        throw new StdinClosedError(program);
      },
      close,
      abort: close,
    });
    this.#program = program;
    this.#state = state;
  }

  readonly #program: string;
  readonly #state: { readonly isClosed: boolean };
  #isFinishing = false;

  /**
   * Writes text as UTF-8, or bytes. Resolves when the process, or the pipe to it, has
   * accepted them. A write that is not awaited never causes an unhandled rejection.
   *
   * @throws {StdinClosedError} if the process has exited or closed its stdin, or
   *   `finish` was called
   * @throws {TypeError} if a writer of the `WritableStream` holds the lock, or `data`
   *   is neither a string nor a `Uint8Array`
   */
  write(data: string | Uint8Array): Promise<void> {
    const written = this.#write(data);
    written.catch(() => {});
    return written;
  }

  /** Writes a line, followed by `"\n"`; see {@linkcode ProcessStdin.write}. */
  writeLine(line: string): Promise<void> {
    return this.write(`${line}\n`);
  }

  /**
   * Closes stdin after all pending writes, so that the process reads the end of its
   * input. A second call has no effect.
   *
   * @throws {TypeError} if a writer of the `WritableStream` holds the lock
   */
  async finish(): Promise<void> {
    if (this.#isFinishing || this.#state.isClosed) return;
    if (this.locked) {
      throw new TypeError(
        "finish: stdin is locked by a writer; call its releaseLock() first",
      );
    }
    this.#isFinishing = true;
    try {
      await this.close();
    } catch (error) {
      // If stdin is closed already, there is nothing to finish.
      if (!this.#state.isClosed) throw error;
    }
  }

  async #write(data: string | Uint8Array): Promise<void> {
    if (this.#isFinishing || this.#state.isClosed) {
      throw new StdinClosedError(this.#program);
    }
    const writer = this.getWriter();
    const written = writer.write(data);
    writer.releaseLock();
    await written;
  }
}
