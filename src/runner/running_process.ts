import { checkArity, checkMilliseconds } from "../command/checks.ts";
import type { LineMatch } from "../command/line_match.ts";
import { UnsupportedError } from "../outcome/errors.ts";
import { INSPECT } from "../outcome/inspect.ts";
import { quotedCommandLine } from "../outcome/message_text.ts";
import type { Outcome } from "../outcome/outcome.ts";
import type { ProcessResult } from "../outcome/result.ts";
import { BatchQueue } from "../output/batch_queue.ts";
import type { Output } from "../output/output.ts";
import { EventReader, type ProcessEvent } from "./event_reader.ts";
import { LineReader } from "./line_reader.ts";
import {
  DEFAULT_WITHIN_MS,
  type PortAddress,
  waitFor,
  waitForLine,
  waitForOutput,
  waitForPort,
} from "./probes.ts";
import { ProcessStdin } from "./process_stdin.ts";
import { profile, type RunProfile } from "./profile.ts";
import { bytesOf, type Run, textOf } from "./run.ts";

/**
 * Returns the run of a live process. Set by {@linkcode RunningProcess}, to keep its run
 * private.
 */
export let runOf: (process: RunningProcess) => Run;

/**
 * Creates a live process for a run. Set by {@linkcode RunningProcess}, to keep its
 * constructor private.
 */
export let processOf: (run: Run) => RunningProcess;

/**
 * Makes `stdoutStream` and `outputBytes` throw for this reason. Set by
 * {@linkcode RunningProcess}.
 */
export let refuseBytes: (process: RunningProcess, why: string) => void;

/**
 * Controls a process while it runs. Disposing of it kills the process and everything it
 * started.
 *
 * **stdout can be consumed once**, by `stdoutLines`, `events`, `stdoutStream`,
 * `outputString` or `outputBytes`. Until one of them is called, stdout is read and
 * kept, so that the process never blocks on a full pipe; the command's `outputBuffer`
 * limits how much is kept. After that the consumer sets the pace: a slow one slows the
 * process down. `waitForLine` and `waitForOutput` remove the output up to their match,
 * and leave the rest for the consumer. stderr is read and kept all the time.
 *
 * The command's deadline and abort signals apply. When one of them ends the process,
 * its streams end, and `finish`, `wait` and the other waiting methods return a
 * `"timed-out"` outcome or throw a `CancelledError`.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * const script = "echo listening; sleep 60";
 * await using server = await new Command("sh", ["-c", script]).start();
 * await server.waitForLine("listening", 5000);
 * console.log(server.pid, await server.shutdown(2000));
 * ```
 */
export class RunningProcess implements AsyncDisposable {
  static {
    runOf = (process) => process.#run;
    processOf = (run) => new RunningProcess(run);
    refuseBytes = (process, why) => {
      process.#bytesRefusal = why;
    };
  }

  readonly #run: Run;
  #bytesRefusal: string | null = null;

  private constructor(run: Run) {
    this.#run = run;
  }

  /** The process id; `null` for a scripted or replayed process. */
  get pid(): number | null {
    return this.#run.backend.pid;
  }

  /** How long the process has been running, or ran, in milliseconds. */
  get elapsed(): number {
    return this.#run.elapsed;
  }

  /**
   * The number of lines of stdout read so far. A last line without a terminator counts
   * once stdout has finished.
   */
  get stdoutLineCount(): number {
    return this.#run.stdout?.lineCount ?? 0;
  }

  /** The number of bytes of stdout read so far. */
  get stdoutByteCount(): number {
    return this.#run.stdout?.length ?? 0;
  }

  /**
   * The number of lines of stderr read so far. A last line without a terminator counts
   * once stderr has finished.
   */
  get stderrLineCount(): number {
    return this.#run.stderr?.lineCount ?? 0;
  }

  /** The number of bytes of stderr read so far. */
  get stderrByteCount(): number {
    return this.#run.stderr?.length ?? 0;
  }

  /** Returns the errors of line handlers and tees so far. */
  handlerErrors(): readonly unknown[] {
    return this.#run.handlerErrors;
  }

  /**
   * Reads stdout line by line. The consumer sets the pace.
   *
   * Leaving the loop stops reading, and the process keeps running. Output after that
   * stays in the pipe until `wait` or `finish` discards it.
   *
   * @throws {OutputConsumedError} if stdout was already consumed
   * @throws {UnsupportedError} if stdout is not captured
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * await using seq = await new Command("seq", ["3"]).start();
   * const lines: string[] = [];
   * for await (const line of seq.stdoutLines()) lines.push(line);
   * console.log(lines.join(" ")); // 1 2 3
   * ```
   */
  stdoutLines(): AsyncIterableIterator<string> & AsyncDisposable {
    checkArity("stdoutLines", arguments, 0, "test each line in the loop");
    this.#capturedStdout("stdoutLines");
    return new LineReader(this.#run, "stdoutLines");
  }

  /**
   * Reads the lines of stdout and stderr as events, between a `started` and an `exited`
   * event.
   *
   * If the run fails, there is no `exited` event; `finish` throws the error. The lines
   * of each stream are in order. The order between the streams is the order in which
   * they were read, which may differ from that of printing.
   *
   * @throws {OutputConsumedError} if stdout was already consumed
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * await using child = await new Command("echo", ["hello"]).start();
   * for await (const event of child.events()) {
   *   if (event.kind === "stdout") console.log(event.line); // hello
   * }
   * ```
   */
  events(): AsyncIterableIterator<ProcessEvent> & AsyncDisposable {
    checkArity("events", arguments, 0, "test each event in the loop");
    return new EventReader(this.#run);
  }

  /**
   * Reads stdout as bytes. The consumer sets the pace. Cancelling the stream stops
   * reading, and the process keeps running.
   *
   * @throws {OutputConsumedError} if stdout was already consumed
   * @throws {UnsupportedError} if stdout is not captured, or if the process is replayed
   *   from a recording whose text does not determine its bytes
   */
  stdoutStream(): ReadableStream<Uint8Array> {
    this.#throwIfBytesRefused("stdoutStream");
    const run = this.#run;
    const stdout = this.#capturedStdout("stdoutStream");
    const queue = new BatchQueue<Uint8Array>();
    stdout.takePieces("stdoutStream", queue);
    stdout.finished.then(
      () => queue.end(),
      (error) => queue.end({ error }),
    );
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const piece = await queue.next();
        if (piece !== null) return controller.enqueue(piece);
        if (!queue.isAbandoned) run.requestOutcome();
        controller.close();
      },
      cancel() {
        stdout.detachConsumer();
        queue.abandon();
      },
    }, { highWaterMark: 0 });
  }

  /**
   * Takes the stdin that the command's `keepStdinOpen` left open. Returns `null` if
   * stdin was not left open, was already taken, or was closed by a method that waits
   * for the process to exit.
   */
  takeStdin(): ProcessStdin | null {
    const port = this.#run.stdinWriter?.take() ?? null;
    return port === null
      ? null
      : new ProcessStdin(this.#run.spec.program, port);
  }

  /**
   * Waits for a line of stdout that matches, and returns it. It removes that line and
   * all lines before it from stdout; later lines stay for the next consumer. Without a
   * match it removes nothing. It never stops the process.
   *
   * @param match a part of the line, a pattern, or a function that returns `true` for
   *   it
   * @param within how long to wait, in milliseconds; 30000 by default
   * @throws {NotReadyError} if no line matches in time, or stdout ends without a match
   * @throws {CancelledError} if an abort signal of the command fires
   * @throws {OutputTooLargeError} if stdout exceeds an `outputBuffer` whose `overflow`
   *   is `"error"`
   * @throws {OutputConsumedError} if stdout was already consumed, or another probe is
   *   searching it
   * @throws {UnsupportedError} if stdout is not captured
   * @throws {TypeError} if `match` is not one of the three
   * @throws {RangeError} if `within` is negative, not a number, or more than
   *   2,147,483,647 (about 24 days)
   */
  async waitForLine(
    match: LineMatch,
    within: number = DEFAULT_WITHIN_MS,
  ): Promise<string> {
    const stdout = this.#capturedStdout("waitForLine");
    return await waitForLine(this.#run, stdout, match, within);
  }

  /**
   * Waits for output that matches, even if its line is not complete, such as a prompt
   * `Password: `. An incomplete line is tested again whenever more of it arrives. A
   * match removes all output up to the end of what has arrived of that line. Of an
   * incomplete line longer than 64 KiB, `match` sees only the end.
   *
   * @param match a part of the line, a pattern, or a function that returns `true` for
   *   it
   * @param within how long to wait, in milliseconds; 30000 by default
   * @throws what {@linkcode RunningProcess.waitForLine} throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const script = 'printf "Name: "; read name; echo "Hello, $name"';
   * await using child = await new Command("sh", ["-c", script]).keepStdinOpen().start();
   * const stdin = child.takeStdin()!;
   * await child.waitForOutput("Name: ", 5000);
   * await stdin.writeLine("Ada");
   * console.log(await child.waitForLine("Hello", 5000)); // Hello, Ada
   * ```
   */
  async waitForOutput(
    match: LineMatch,
    within: number = DEFAULT_WITHIN_MS,
  ): Promise<string> {
    const stdout = this.#capturedStdout("waitForOutput");
    return await waitForOutput(this.#run, stdout, match, within);
  }

  /**
   * Waits until a TCP connection to the address is accepted. The connection is closed
   * at once. Without a host name, it tries the IPv4 and IPv6 loopback addresses of this
   * machine.
   *
   * On Deno this needs `--allow-net` for the address.
   *
   * @param address a port, `"host:port"`, or a host name and a port
   * @param within how long to wait, in milliseconds; 30000 by default
   * @throws {NotReadyError} if no connection is accepted in time, or the process exits
   * @throws {CancelledError} if an abort signal of the command fires
   * @throws {UnsupportedError} if a permission is missing
   * @throws {TypeError} if `address` is not an address
   * @throws {RangeError} if the port is not a whole number from 1 to 65535, or `within`
   *   is negative, not a number, or more than 2,147,483,647 (about 24 days)
   */
  async waitForPort(
    address: number | string | PortAddress,
    within: number = DEFAULT_WITHIN_MS,
  ): Promise<void> {
    await waitForPort(this.#run, address, within);
  }

  /**
   * Waits until `check` returns `true`. It is called repeatedly, with pauses of 10 to
   * 100 ms. If it throws or rejects, it is called again; the last such error becomes
   * the `cause` of the `NotReadyError`.
   *
   * @param within how long to wait, in milliseconds; 30000 by default
   * @throws {NotReadyError} if `check` does not return `true` in time, nor once more
   *   after the process has exited
   * @throws {CancelledError} if an abort signal of the command fires
   * @throws {TypeError} if `check` is not a function
   * @throws {RangeError} if `within` is negative, not a number, or more than
   *   2,147,483,647 (about 24 days)
   */
  async waitFor(
    check: () => boolean | Promise<boolean>,
    within: number = DEFAULT_WITHIN_MS,
  ): Promise<void> {
    await waitFor(this.#run, check, within);
  }

  /**
   * Waits until the process exits by itself, and returns its outcome. Output that was
   * not consumed can still be taken afterwards.
   *
   * It closes a stdin that was left open and not taken. If `stdoutLines`, `events` or
   * `stdoutStream` has stdout, read it to its end or stop reading: otherwise the
   * process blocks once its pipe is full.
   *
   * @throws {CancelledError} if an abort signal of the command fired
   * @throws {NotFoundError} if the program does not exist and this was found only after
   *   the start
   * @throws {SpawnError} if the program cannot be started and this was found only after
   *   the start
   * @throws {StdinError} if the command's stdin source failed
   * @throws {OutputTooLargeError} if the output exceeds an `outputBuffer` whose
   *   `overflow` is `"error"`
   */
  async wait(): Promise<Outcome> {
    checkArity("wait", arguments, 0, WAIT_ADVICE);
    await this.#whenCompleted();
    return this.#run.outcome();
  }

  /**
   * Waits until the process exits, and returns a result with the stdout that was not
   * consumed before, as text.
   *
   * @throws {OutputConsumedError} if stdout was already consumed
   * @throws {OutputTooLargeError} if the text does not fit in one string
   * @throws what {@linkcode RunningProcess.wait} throws
   */
  async outputString(): Promise<ProcessResult<string>> {
    checkArity("outputString", arguments, 0, WAIT_ADVICE);
    this.#run.stdout?.takeWhole("outputString", "text");
    await this.#whenCompleted();
    return await textOf(this.#run);
  }

  /**
   * Waits until the process exits, and returns a result with stdout as bytes; otherwise
   * like {@linkcode RunningProcess.outputString}.
   *
   * @throws {UnsupportedError} if the process is replayed from a recording whose text
   *   does not determine its bytes
   */
  async outputBytes(): Promise<ProcessResult<Uint8Array>> {
    checkArity("outputBytes", arguments, 0, WAIT_ADVICE);
    this.#throwIfBytesRefused("outputBytes");
    this.#run.stdout?.takeWhole("outputBytes", "bytes");
    await this.#whenCompleted();
    return await bytesOf(this.#run);
  }

  /**
   * Waits until the process exits by itself, and returns its outcome and stderr. Use it
   * after reading stdout as a stream.
   *
   * @throws what {@linkcode RunningProcess.wait} throws
   */
  async finish(): Promise<{ outcome: Outcome; stderr: string }> {
    checkArity("finish", arguments, 0, WAIT_ADVICE);
    await this.#whenCompleted();
    const outcome = this.#run.outcome();
    return { outcome, stderr: this.#run.stderr?.text() ?? "" };
  }

  /** Kills the process and everything it started, immediately. */
  kill(): void {
    checkArity("kill", arguments, 0, KILL_ADVICE);
    this.#run.kill();
  }

  /**
   * Stops the process: sends SIGTERM to it and everything it started, waits up to
   * `grace` milliseconds, and sends SIGKILL to the processes that are left. With 0, it
   * sends SIGKILL at once. Then waits like {@linkcode RunningProcess.wait}.
   *
   * @throws {RangeError} if `grace` is negative, not a number, or more than
   *   2,147,483,647 (about 24 days)
   * @throws what {@linkcode RunningProcess.wait} throws
   */
  async shutdown(grace: number): Promise<Outcome> {
    checkArity(
      "shutdown",
      arguments,
      1,
      "it always sends SIGTERM, and SIGKILL after the grace",
    );
    checkMilliseconds("shutdown", grace);
    await this.#run.tearDown("SIGTERM", grace);
    return await this.wait();
  }

  /**
   * Waits until the process exits, and measures its resources every `every`
   * milliseconds.
   *
   * @throws {RangeError} if `every` is less than 1, not a number, or more than
   *   2147483647
   * @throws what {@linkcode RunningProcess.wait} throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * await using sleep = await new Command("sleep", ["0.1"]).start();
   * const { cpuTime, peakMemory } = await sleep.profile(20);
   * console.log(`${cpuTime} ms, ${peakMemory} bytes`);
   * ```
   */
  async profile(every: number): Promise<RunProfile> {
    return await profile(this.#run, every, () => this.wait());
  }

  /** Returns the command line, the process id and the elapsed time in one line. */
  toString(): string {
    const { spec: { program, args }, hasExited } = this.#run;
    const pid = this.pid === null ? "no process" : `pid ${this.pid}`;
    const state = hasExited ? "ran" : "running";
    return `${quotedCommandLine(program, args)}, ${pid}, ${state} for ${
      Math.round(this.elapsed)
    } ms`;
  }

  /**
   * Returns the text that `console.log` prints; see
   * {@linkcode RunningProcess.toString}.
   */
  [INSPECT](): string {
    return `RunningProcess { ${this} }`;
  }

  /**
   * Kills the process and everything it started, and waits until all have exited. Never
   * rejects.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run.dispose();
  }

  async #whenCompleted(): Promise<void> {
    const run = this.#run;
    run.stdinWriter?.closeUntaken();
    run.stdout?.drain();
    run.stderr?.unthrottleFollower();
    run.requestOutcome();
    await run.completed;
  }

  #capturedStdout(method: string): Output {
    const { stdout, spec: { program } } = this.#run;
    if (stdout !== null) return stdout;
    throw new UnsupportedError(
      `${method} without a captured stdout`,
      'the command redirects stdout; leave it "piped"',
      { program },
    );
  }

  #throwIfBytesRefused(method: string): void {
    if (this.#bytesRefusal === null) return;
    throw new UnsupportedError(`${method} here`, this.#bytesRefusal, {
      program: this.#run.spec.program,
    });
  }
}

/** The advice for an argument to a method that waits and takes none. */
export const WAIT_ADVICE =
  "to bound how long it takes, set a timeout on the command, or stop the process with shutdown(grace)";
/** The advice for an argument to `kill`, which takes none. */
export const KILL_ADVICE =
  "it always sends SIGKILL; shutdown(grace) sends SIGTERM first";
