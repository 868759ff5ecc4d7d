import { StdinClosedError } from "../outcome/errors.ts";
import type { StdinPort } from "./stdin_writer.ts";

const ENCODER = new TextEncoder();

/**
 * The stdin of a live process. It is a `WritableStream` as well: text goes to the
 * process as UTF-8, and bytes as they are.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * await using process = await new Command("sort").keepStdinOpen().start();
 * const stdin = process.takeStdin()!;
 * await stdin.writeLine("b");
 * await stdin.writeLine("a");
 * await stdin.finish();
 * console.log((await process.outputString()).stdout); // "a\nb"
 * ```
 */
export class ProcessStdin extends WritableStream<string | Uint8Array> {
  /** Makes it; only a live process needs to. */
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
   * Writes text, as UTF-8, or bytes. Resolves when the process, or the pipe, has
   * taken them; a failure that nobody waits for is nobody's.
   *
   * @throws {StdinClosedError} if the process has ended, or closed it, or `finish` was called
   * @throws {TypeError} if somebody else writes by way of the `WritableStream`
   */
  write(data: string | Uint8Array): Promise<void> {
    const written = this.#write(data);
    written.catch(() => {});
    return written;
  }

  /** Writes a line, with a `"\n"` after it; see {@linkcode ProcessStdin.write}. */
  writeLine(line: string): Promise<void> {
    return this.write(`${line}\n`);
  }

  /**
   * Lets the process see the end of its input, after what is still being written. A second call does nothing.
   *
   * @throws {TypeError} if somebody else writes by way of the `WritableStream`
   */
  async finish(): Promise<void> {
    if (this.#isFinishing || this.#state.isClosed) return;
    if (this.locked) {
      throw new TypeError(
        "stdin cannot be finished while somebody else writes to it: release the writer first",
      );
    }
    this.#isFinishing = true;
    try {
      await this.close();
    } catch (error) {
      // Who has ended, or closed it, needs no telling.
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
