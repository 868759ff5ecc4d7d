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

/** Signals that do not end a process by themselves. */
const HARMLESS = new Set(["SIGSTOP", "SIGCONT", "SIGTSTP", "SIGWINCH"]);

/** Plays a known run: prints what it is to print, answers its input, and ends. */
export class SimulatedBackend implements RunBackend, RunTree {
  readonly pid = null;
  readonly stdin: ByteSink | null;
  readonly stdout: ReadableStream<Uint8Array> | null;
  readonly stderr: ReadableStream<Uint8Array> | null;
  readonly encodings: RunBackend["encodings"];
  /** Where it ends by itself: what goes on has its stderr as well meanwhile. */
  readonly isInTurn: boolean;
  readonly truncated: SimulatedRun["truncated"];
  readonly exit: Promise<Outcome>;
  readonly #run: SimulatedRun;
  readonly #input: SimulatedInput | null;
  readonly #out: SimulatedStream | null;
  readonly #err: SimulatedStream | null;
  #resolve: (outcome: Outcome) => void;
  #hasEnded = false;
  #stopWaiting: (() => void) | null = null;
  #failure: { readonly error: unknown } | null = null;

  /** Begins. */
  constructor(
    spec: CommandSpec,
    run: SimulatedRun,
    takesInput: boolean,
  ) {
    this.#run = run;
    // What is known is text, whatever it was before, unless it is known as it was.
    this.encodings = {
      stdout: run.stdoutBytes === null ? "utf-8" : null,
      stderr: "utf-8",
    };
    this.isInTurn = run.outcome !== null && run.schedule === null;
    this.truncated = run.truncated;
    this.#out = spec.stdout === "piped" ? new SimulatedStream() : null;
    this.#err = spec.stderr === "piped" ? new SimulatedStream() : null;
    this.stdout = this.#out?.readable ?? null;
    this.stderr = this.#err?.readable ?? null;
    this.#input = takesInput ? new SimulatedInput() : null;
    this.stdin = this.#input;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.exit = promise;
    this.#resolve = resolve;
    this.#play();
  }

  get tree(): RunTree {
    return this;
  }

  signal(name: string): void {
    if (!HARMLESS.has(name)) this.#end(signalled(signalNumber(name)));
  }

  kill(): void {
    this.signal("SIGKILL");
  }

  members(): number[] {
    return [];
  }

  isEmpty(): boolean {
    return this.#hasEnded;
  }

  isKnownEmpty(): boolean {
    return this.#hasEnded;
  }

  hasExited(): boolean {
    return this.#hasEnded;
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
    if (schedule !== null) await this.#follow(schedule);
    else if (lineDelay > 0 && this.#out !== null) {
      for (const line of wholeLines(stdout)) {
        await this.#wait(lineDelay);
        this.#print(this.#out, ENCODER.encode(line));
      }
    } else this.#print(this.#out, stdoutBytes ?? ENCODER.encode(stdout));
    if (answer !== null) await this.#converse(answer);
    if (schedule === null) this.#print(this.#err, ENCODER.encode(stderr));
    if (outcome !== null) this.#end(outcome);
  }

  async #follow({ output, end }: OutputSchedule): Promise<void> {
    const start = performance.now();
    const until = async (at: number) => {
      while (!this.#hasEnded) {
        const left = at - (performance.now() - start);
        if (left <= 0) return;
        await this.#wait(Math.min(left, LONGEST_TIMER_MS));
      }
    };
    for (const { at, stream, bytes } of output) {
      await until(at);
      this.#print(stream === "stdout" ? this.#out : this.#err, bytes);
    }
    await until(end);
  }

  async #converse(answer: (line: string) => string | null): Promise<void> {
    try {
      for (
        let line = await this.#input?.next();
        typeof line === "string" && !this.#hasEnded;
        line = await this.#input?.next()
      ) {
        const text = answer(line);
        if (text === null) return;
        this.#print(this.#out, ENCODER.encode(text));
      }
    } catch (error) {
      this.#failure = { error };
    }
  }

  #print(stream: SimulatedStream | null, bytes: Uint8Array): void {
    if (!this.#hasEnded) stream?.print(bytes);
  }

  #end(outcome: Outcome): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopWaiting?.();
    this.#input?.close();
    this.#out?.close();
    this.#err?.close();
    this.#resolve(outcome);
  }

  async #wait(ms: number): Promise<void> {
    if (this.#hasEnded || ms <= 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopWaiting = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}

/** A stream of bytes that are known. */
class SimulatedStream {
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

/** The input of a known run, line by line. */
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

  /** The next line, or `null` at the end. */
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

/** The text cut after each `"\n"`. */
function wholeLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
