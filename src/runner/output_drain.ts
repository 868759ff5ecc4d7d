import type { StageConnection } from "../command/stage_connection.ts";
import type { RunTree } from "../containment/tree.ts";
import type { Output } from "../output/output.ts";

/**
 * How long the pipes of an exited child may deliver nothing before the processes that
 * hold them open are killed.
 */
const IDLE_AFTER_EXIT_MS = 2000;
/**
 * How long the pipes of a killed tree may deliver nothing before they are cut: no
 * process of the tree is left to write.
 */
export const IDLE_AFTER_KILL_MS = 500;
/** The interval at which a tree is checked for remaining processes. */
const CHECK_EVERY_MS = 25;
/**
 * How long output may continue after the exit of the child before the tree is notified.
 */
const OUTLIVED_AFTER_MS = 20;

/**
 * The most that an exited child can have left behind: the content of a pipe of the
 * usual size, and the data of one read.
 */
const PIPE_BYTES = 128 * 1024;
/** The largest capacity of a pipe. */
const LARGEST_PIPE_BYTES = 1024 * 1024;

/** How the child exited: by itself, within the grace time of a teardown, or killed. */
export type ChildEnd = "exited" | "torn-down" | "killed";

/** The parts of a run that an {@linkcode OutputDrain} works on. */
export interface OutputDrainParts {
  readonly stdout: Output | null;
  readonly stderr: Output | null;
  readonly tree: RunTree;
  /** The pipe to the next stage of a pipeline. This process does not read it. */
  readonly connection: StageConnection | null;
  /** Calls `action` after `ms` milliseconds, unless the run is over by then. */
  readonly after: (ms: number, action: () => void) => void;
  /** Whether the run is closed. */
  readonly isClosed: () => boolean;
}

/**
 * Reads the output of an exited child to its end. If a background process holds a pipe
 * open, the drain waits for a limited time, kills the processes left in the child's
 * tree, and then cuts the pipes.
 */
export class OutputDrain {
  readonly #parts: OutputDrainParts;

  /** Does not read by itself: the outputs do. */
  constructor(parts: OutputDrainParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when the output was read to its end, taken by a streaming consumer, or
   * cut.
   */
  async finish(childEnd: ChildEnd): Promise<void> {
    const { stdout, stderr, tree, connection, after } = this.#parts;
    if (this.#outputs().some((output) => !output.isFinished)) {
      after(OUTLIVED_AFTER_MS, () => tree.outlivedChild());
    }
    if (childEnd === "exited") this.#limitWriters();
    // Every process of a tree that was torn down in time has exited. Only a process
    // that left the tree can still write.
    else if (childEnd === "torn-down") this.cutWhenIdle();
    await Promise.all([
      stdout && Promise.race([stdout.finished, stdout.whenStreamed]),
      stderr?.finished,
      connection !== null && stdout === null &&
      Promise.race([connection.whenReaderClosed, this.#untilNoWriter()]),
    ]);
  }

  /** Cuts each pipe once it has delivered nothing for 500 ms. */
  cutWhenIdle(): void {
    for (const output of this.#outputs()) {
      output.limitIdle(IDLE_AFTER_KILL_MS, () => output.cut());
    }
  }

  #limitWriters(): void {
    for (const output of this.#outputs()) {
      output.limitIdle(IDLE_AFTER_EXIT_MS, () => this.#killWriters());
      // A slow handler may take any time for what was in the pipe when the child
      // exited. More data than that comes from another process, which may write
      // forever.
      output.limitLength(
        output.length + PIPE_BYTES,
        IDLE_AFTER_EXIT_MS,
        () => this.#killWriters(),
      );
    }
  }

  /**
   * Resolves when the tree is empty. The data in a pipe to the next stage is not
   * visible here, so a remaining process has as long as the writer of an idle pipe that
   * is read.
   */
  async #untilNoWriter(): Promise<void> {
    const { tree, after, isClosed } = this.#parts;
    const end = performance.now() + IDLE_AFTER_EXIT_MS;
    for (
      let isEmpty = tree.isKnownEmpty();
      !isEmpty;
      isEmpty = tree.isEmpty()
    ) {
      if (isClosed()) return;
      if (performance.now() > end) return tree.killLeftovers();
      await new Promise<void>((resolve) => after(CHECK_EVERY_MS, resolve));
    }
  }

  #killWriters(): void {
    this.#parts.tree.killLeftovers();
    this.cutWhenIdle();
    for (const output of this.#outputs()) {
      output.limitLength(
        output.length + LARGEST_PIPE_BYTES,
        0,
        () => output.cut(),
      );
    }
  }

  #outputs(): Output[] {
    const { stdout, stderr } = this.#parts;
    return [stdout, stderr].filter((output) => output !== null);
  }
}
