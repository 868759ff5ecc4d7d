import { LONGEST_TIMER_MS } from "../command/checks.ts";
import type { CommandSpec } from "../command/spec.ts";
import type { RunTree } from "../containment/tree.ts";
import { type Outcome, signalled } from "../outcome/outcome.ts";
import { LineSplitter } from "../output/line_splitter.ts";
import { pieceDecoder } from "../output/piece_decoder.ts";
import { signalNumber } from "../runtime/builtin.ts";
import type { ByteSink } from "../runtime/runtime.ts";
import type { RunBackend } from "./backend.ts";
import type { OutputSchedule, SimulatedRun } from "./simulated_run.ts";

const ENCODER = new TextEncoder();

/** Signals that do not end a process by default. */
const NON_FATAL_SIGNALS = new Set([
  "SIGSTOP",
  "SIGCONT",
  "SIGTSTP",
  "SIGWINCH",
]);

/** Plays a simulated run: prints its output, answers its input, and exits. */
export class SimulatedBackend implements RunBackend, RunTree {
  readonly pid = null;
  readonly stdin: ByteSink | null;
  readonly stdout: ReadableStream<Uint8Array> | null;
  readonly stderr: ReadableStream<Uint8Array> | null;
  readonly encodings: RunBackend["encodings"];
  /**
   * True for a run without a schedule that exits by itself. Otherwise stderr must be
   * available while the run goes on.
   */
  readonly readsStderrLast: boolean;
  readonly truncated: SimulatedRun["truncated"];
  readonly exit: Promise<Outcome>;
  readonly #run: SimulatedRun;
  readonly #input: SimulatedInput | null;
  readonly #stdoutSource: SimulatedOutput | null;
  readonly #stderrSource: SimulatedOutput | null;
  #resolveExit: (outcome: Outcome) => void;
  #hasExited = false;
  #stopWaiting: (() => void) | null = null;
  #failure: { readonly error: unknown } | null = null;

  /** Starts playing. */
  constructor(
    spec: CommandSpec,
    run: SimulatedRun,
    takesInput: boolean,
  ) {
    this.#run = run;
    // The output of a simulated run is text, encoded as UTF-8 whatever the command's
    // encoding is. Only `stdoutBytes` has that encoding.
    this.encodings = {
      stdout: run.stdoutBytes === null ? "utf-8" : null,
      stderr: "utf-8",
    };
    this.readsStderrLast = run.outcome !== null && run.schedule === null;
    this.truncated = run.truncated;
    this.#stdoutSource = spec.stdout === "piped" ? new SimulatedOutput() : null;
    this.#stderrSource = spec.stderr === "piped" ? new SimulatedOutput() : null;
    this.stdout = this.#stdoutSource?.readable ?? null;
    this.stderr = this.#stderrSource?.readable ?? null;
    this.#input = takesInput ? new SimulatedInput() : null;
    this.stdin = this.#input;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.exit = promise;
    this.#resolveExit = resolve;
    this.#play();
  }

  get tree(): RunTree {
    return this;
  }

  signal(name: string): void {
    if (!NON_FATAL_SIGNALS.has(name)) {
      this.#exitWith(signalled(signalNumber(name)));
    }
  }

  kill(): void {
    this.signal("SIGKILL");
  }

  members(): number[] {
    return [];
  }

  isEmpty(): boolean {
    return this.#hasExited;
  }

  isKnownEmpty(): boolean {
    return this.#hasExited;
  }

  hasExited(): boolean {
    return this.#hasExited;
  }

  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  usage(): null {
    return null;
  }

  suspend(): void {}
  resume(): void {}
  childExited(): void {}
  outlivedChild(): void {}
  killLeftovers(): void {}
  unref(): void {}
  close(): void {}

  async #play(): Promise<void> {
    const {
      stdout,
      stdoutBytes,
      stderr,
      lineDelay,
      answer,
      outcome,
      schedule,
    } = this.#run;
    if (schedule !== null) await this.#playSchedule(schedule);
    else if (lineDelay > 0 && this.#stdoutSource !== null) {
      for (const line of linesWithTerminators(stdout)) {
        await this.#wait(lineDelay);
        this.#print(this.#stdoutSource, ENCODER.encode(line));
      }
    } else {
      this.#print(this.#stdoutSource, stdoutBytes ?? ENCODER.encode(stdout));
    }
    if (answer !== null) await this.#answerInput(answer);
    if (schedule === null) {
      this.#print(this.#stderrSource, ENCODER.encode(stderr));
    }
    if (outcome !== null) this.#exitWith(outcome);
  }

  async #playSchedule({ output, end }: OutputSchedule): Promise<void> {
    const start = performance.now();
    const until = async (at: number) => {
      while (!this.#hasExited) {
        const left = at - (performance.now() - start);
        if (left <= 0) return;
        await this.#wait(Math.min(left, LONGEST_TIMER_MS));
      }
    };
    for (const { at, stream, bytes } of output) {
      await until(at);
      this.#print(
        stream === "stdout" ? this.#stdoutSource : this.#stderrSource,
        bytes,
      );
    }
    await until(end);
  }

  async #answerInput(answer: (line: string) => string | null): Promise<void> {
    try {
      for (
        let line = await this.#input?.next();
        typeof line === "string" && !this.#hasExited;
        line = await this.#input?.next()
      ) {
        const text = answer(line);
        if (text === null) return;
        this.#print(this.#stdoutSource, ENCODER.encode(text));
      }
    } catch (error) {
      this.#failure = { error };
    }
  }

  #print(stream: SimulatedOutput | null, bytes: Uint8Array): void {
    if (!this.#hasExited) stream?.print(bytes);
  }

  #exitWith(outcome: Outcome): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    this.#stopWaiting?.();
    this.#input?.close();
    this.#stdoutSource?.close();
    this.#stderrSource?.close();
    this.#resolveExit(outcome);
  }

  async #wait(ms: number): Promise<void> {
    if (this.#hasExited || ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopWaiting = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}

/** A stream of the output of a simulated run. */
class SimulatedOutput {
  readonly readable: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #isClosed = false;

  constructor() {
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.#isClosed = true;
      },
    });
  }

  print(bytes: Uint8Array): void {
    if (!this.#isClosed && bytes.length > 0) this.#controller.enqueue(bytes);
  }

  close(): void {
    if (!this.#isClosed) this.#controller.close();
    this.#isClosed = true;
  }
}

/** The input of a simulated run, split into lines. */
class SimulatedInput implements ByteSink {
  readonly #decoder = pieceDecoder("utf-8");
  readonly #splitter = new LineSplitter("lf");
  readonly #lines: string[] = [];
  #isClosed = false;
  #wake: (() => void) | null = null;

  write(bytes: Uint8Array): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false);
    this.#add(this.#splitter.push(this.#decoder.decode(bytes)));
    return Promise.resolve(true);
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      const last = this.#splitter.push(this.#decoder.end());
      this.#add([...last, ...this.#splitter.end()]);
    }
    return Promise.resolve();
  }

  /** Waits for the next line; `null` at the end. */
  async next(): Promise<string | null> {
    while (this.#lines.length === 0) {
      if (this.#isClosed) return null;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#lines.shift()!;
  }

  #add(lines: string[]): void {
    this.#lines.push(...lines);
    this.#wake?.();
  }
}

/** Splits a text after each `"\n"`. */
function linesWithTerminators(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
