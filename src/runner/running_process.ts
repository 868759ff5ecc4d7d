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

/** Reads what only runners need to know; set by {@linkcode RunningProcess} itself. */
export let runOf: (process: RunningProcess) => Run;

/** Makes a live process of a run; set by {@linkcode RunningProcess} itself. */
export let processOf: (run: Run) => RunningProcess;

/** Has the methods that give bytes refused, for this reason; set by {@linkcode RunningProcess} itself. */
export let refuseBytes: (process: RunningProcess, why: string) => void;

/**
 * A process while it runs. Disposing it ends it, with all it started.
 *
 * **stdout is there once**: `stdoutLines`, `events`, `stdoutStream`, `outputString`
 * and `outputBytes` each take it. Until one of them does, it is read and kept (the
 * command's `outputBuffer` bounds how much of it), so that the process never waits
 * for a reader; from then on its reader sets the pace, and a slow one slows the
 * process down. `waitForLine` and `waitForOutput` take what they waited for, and
 * leave the rest. stderr is read and kept all the time.
 *
 * The command's deadline and abort signals bound all of it: a stream then ends, and
 * `finish`, `wait` and the like tell why.
 *
 * @example
 * ```ts
 * import { Command } from "@processkit/processkit";
 *
 * const script = "echo listening; sleep 60";
 * await using server = await new Command("sh", ["-c", script]).start();
 * await server.waitForLine((line) => line === "listening", 5000);
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

  /** The number of the process; `null` where there is none, scripted or replayed. */
  get pid(): number | null {
    return this.#run.backend.pid;
  }

  /** How long it has been running, or ran, in milliseconds. */
  get elapsed(): number {
    return this.#run.elapsed;
  }

  /** How many lines of stdout have been read; one without an end counts when no more will come. */
  get stdoutLineCount(): number {
    return this.#run.stdout?.lineCount ?? 0;
  }

  /** How many bytes of stdout have been read. */
  get stdoutByteCount(): number {
    return this.#run.stdout?.length ?? 0;
  }

  /** How many lines of stderr have been read; one without an end counts when no more will come. */
  get stderrLineCount(): number {
    return this.#run.stderr?.lineCount ?? 0;
  }

  /** How many bytes of stderr have been read. */
  get stderrByteCount(): number {
    return this.#run.stderr?.length ?? 0;
  }

  /** What line handlers and tees failed with until now. */
  handlerErrors(): readonly unknown[] {
    return this.#run.handlerErrors;
  }

  /**
   * Takes stdout, line by line, at the pace of whoever reads. Breaking out of the
   * loop stops reading, which does not end the process; what it prints from then on
   * waits until `finish` or `wait` reads it to the end.
   *
   * @throws {OutputConsumedError} if stdout was taken already
   * @throws {UnsupportedError} if it is not captured
   */
  stdoutLines(): AsyncIterableIterator<string> & AsyncDisposable {
    checkArity("stdoutLines", arguments, 0, "test each line in the loop");
    this.#capturedStdout("stdoutLines");
    return new LineReader(this.#run, "stdoutLines");
  }

  /**
   * Takes stdout, and follows stderr: `started`, the lines of both as they come, and
   * `exited` with how it ended; that does not come for a run that failed, and
   * `finish` tells why. For each stream the lines are in order; between them it is
   * the order in which they were read.
   *
   * @throws {OutputConsumedError} if stdout was taken already
   */
  events(): AsyncIterableIterator<ProcessEvent> & AsyncDisposable {
    checkArity("events", arguments, 0, "test each event in the loop");
    return new EventReader(this.#run);
  }

  /**
   * Takes stdout as it is, in bytes, at the pace of whoever reads. Cancelling the
   * stream stops reading, which does not end the process.
   *
   * @throws {OutputConsumedError} if stdout was taken already
   * @throws {UnsupportedError} if it is not captured, or a cassette records or replays it, which holds text
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
   * The stdin that the command's `keepStdinOpen` left open, once; `null` when it was
   * not left open, was taken already, or the process was waited for.
   */
  takeStdin(): ProcessStdin | null {
    const port = this.#run.stdinWriter?.take() ?? null;
    return port === null
      ? null
      : new ProcessStdin(this.#run.spec.program, port);
  }

  /**
   * Waits until a line of stdout comes for which the predicate is true, and returns
   * it. It and all before it are taken; the lines after it stay for whoever reads
   * next. When none comes, nothing is taken. The process is never ended.
   *
   * @param within how long to wait, in milliseconds
   * @throws {NotReadyError} if none has come by then, or none can come any more
   * @throws {CancelledError} if the command's abort signal fires
   * @throws {OutputConsumedError} if stdout was taken already
   * @throws {UnsupportedError} if it is not captured
   */
  async waitForLine(
    match: LineMatch,
    within: number = DEFAULT_WITHIN_MS,
  ): Promise<string> {
    const stdout = this.#capturedStdout("waitForLine");
    return await waitForLine(this.#run, stdout, match, within);
  }

  /**
   * Like {@linkcode RunningProcess.waitForLine}, and looks at a line that has not
   * ended as well, whenever more of it has come: for a prompt such as `Password: `.
   * What is taken of such a line is what has come of it; of one longer than 64 KiB
   * the predicate sees the end.
   *
   * @param within how long to wait, in milliseconds
   * @throws {NotReadyError} and what {@linkcode RunningProcess.waitForLine} throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * const script = 'printf "Name: "; read name; echo "Hello, $name"';
   * await using process = await new Command("sh", ["-c", script]).keepStdinOpen().start();
   * const stdin = process.takeStdin()!;
   * await process.waitForOutput((text) => text === "Name: ", 5000);
   * await stdin.writeLine("Ada");
   * console.log(await process.waitForLine(() => true, 5000)); // Hello, Ada
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
   * Waits until somebody accepts a TCP connection, which is closed at once. Without
   * a host it is this machine, by its IPv4 or its IPv6 loopback address.
   *
   * On Deno this needs `--allow-net` for the address.
   *
   * @param within how long to wait, in milliseconds
   * @throws {NotReadyError} if nobody does by then, or the process ends
   * @throws {CancelledError} if the command's abort signal fires
   * @throws {UnsupportedError} if a permission is missing for it
   * @throws {RangeError} if the port is no whole number from 1 to 65535
   */
  async waitForPort(
    address: number | string | PortAddress,
    within: number = DEFAULT_WITHIN_MS,
  ): Promise<void> {
    await waitForPort(this.#run, address, within);
  }

  /**
   * Waits until `check` is true; it is asked again and again, every 10 to 100 ms. One
   * that throws, or rejects, is asked again; the last such error becomes the `cause`.
   *
   * @param within how long to wait, in milliseconds
   * @throws {NotReadyError} if it is not by then, nor when the process has ended
   * @throws {CancelledError} if the command's abort signal fires
   */
  async waitFor(
    check: () => boolean | Promise<boolean>,
    within: number = DEFAULT_WITHIN_MS,
  ): Promise<void> {
    await waitFor(this.#run, check, within);
  }

  /**
   * Waits for the end. What it printed can be taken afterwards.
   *
   * A stdin that was left open and not taken is closed. A stdout that somebody took
   * has to be read, or given up.
   *
   * @throws {CancelledError} if the command's abort signal fired
   * @throws {NotFoundError} if the program turned out not to be there
   * @throws {SpawnError} if it could not be started after all
   * @throws {StdinError} if its stdin source failed
   * @throws {OutputTooLargeError} if its `outputBuffer` makes more output an error
   */
  async wait(): Promise<Outcome> {
    checkArity("wait", arguments, 0, WAIT_ADVICE);
    await this.#whenCompleted();
    return this.#run.outcome();
  }

  /**
   * Waits for the end, and takes stdout as text: what was not taken before.
   *
   * @throws {OutputConsumedError} if stdout was taken already; and what {@linkcode RunningProcess.wait} throws
   * @throws {OutputTooLargeError} if the text is too long for one string
   */
  async outputString(): Promise<ProcessResult<string>> {
    checkArity("outputString", arguments, 0, WAIT_ADVICE);
    this.#run.stdout?.takeWhole("outputString", "text");
    await this.#whenCompleted();
    return await textOf(this.#run);
  }

  /** Waits for the end, and takes stdout as bytes; see {@linkcode RunningProcess.outputString}. */
  async outputBytes(): Promise<ProcessResult<Uint8Array>> {
    checkArity("outputBytes", arguments, 0, WAIT_ADVICE);
    this.#throwIfBytesRefused("outputBytes");
    this.#run.stdout?.takeWhole("outputBytes", "bytes");
    await this.#whenCompleted();
    return await bytesOf(this.#run);
  }

  /** Waits for the end, as {@linkcode RunningProcess.wait} does, and returns stderr with it: after a stream was read. */
  async finish(): Promise<{ outcome: Outcome; stderr: string }> {
    checkArity("finish", arguments, 0, WAIT_ADVICE);
    await this.#whenCompleted();
    const outcome = this.#run.outcome();
    return { outcome, stderr: this.#run.stderr?.text() ?? "" };
  }

  /** Kills it, and all it started, at once. */
  kill(): void {
    checkArity("kill", arguments, 0, KILL_ADVICE);
    this.#run.kill();
  }

  /**
   * Ends it: SIGTERM to it and all it started, `grace` milliseconds to go by
   * themselves, and SIGKILL to who is left. With 0 they are killed at once. Waits for
   * the end; see {@linkcode RunningProcess.wait}.
   *
   * @throws {RangeError} if the grace is negative or too long for a timer; and what `wait` throws
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
   * Waits for the end, as {@linkcode RunningProcess.wait} does, and looks every
   * `every` milliseconds at what it uses.
   *
   * @throws {RangeError} if `every` is no duration of at least 1 ms; and what `wait` throws
   *
   * @example
   * ```ts
   * import { Command } from "@processkit/processkit";
   *
   * await using process = await new Command("sleep", ["0.1"]).start();
   * const { cpuTime, peakMemory } = await process.profile(20);
   * console.log(`${cpuTime} ms, ${peakMemory} bytes`);
   * ```
   */
  async profile(every: number): Promise<RunProfile> {
    return await profile(this.#run, every, () => this.wait());
  }

  /** The command line, the process number and how long it has run, in one line. */
  toString(): string {
    const { spec: { program, args }, hasExited } = this.#run;
    const pid = this.pid === null ? "no process" : `pid ${this.pid}`;
    const state = hasExited ? "ran" : "running";
    return `${quotedCommandLine(program, args)}, ${pid}, ${state} for ${
      Math.round(this.elapsed)
    } ms`;
  }

  /** What `console.log` prints; see {@linkcode RunningProcess.toString}. */
  [INSPECT](): string {
    return `RunningProcess { ${this} }`;
  }

  /** Ends it, with all it started, and waits until it is gone. Never rejects. */
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
      'leave stdout at "piped"; it was sent elsewhere',
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

/** What to do in place of giving an argument to a method that waits. */
export const WAIT_ADVICE =
  "to bound how long it takes, set a timeout on the command, or end the process with shutdown(grace)";
/** What to do in place of giving an argument to `kill`. */
export const KILL_ADVICE =
  "it always sends SIGKILL; shutdown(grace) sends SIGTERM first";
