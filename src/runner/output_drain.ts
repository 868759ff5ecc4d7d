import type { StageConnection } from "../command/stage_connection.ts";
import type { RunTree } from "../containment/tree.ts";
import type { Output } from "../output/output.ts";

/** How long the pipes of an exited child may deliver nothing before they count as held open. */
const IDLE_AFTER_EXIT_MS = 2000;
/** How long the pipes of a killed tree may deliver nothing: no process of the tree is left to write. */
export const IDLE_AFTER_KILL_MS = 500;
/** How often a tree is checked in which a process may be left. */
const CHECK_EVERY_MS = 25;
/** How long output may continue after the exit of the child before the tree is told. */
const OUTLIVED_AFTER_MS = 20;

/** How much an exited child can have left in a pipe of the usual size, with what one read has taken from it. */
const PIPE_BYTES = 128 * 1024;
/** How much a pipe can hold at its largest. */
const LARGEST_PIPE_BYTES = 1024 * 1024;

/** How a child exited: by itself, after a teardown in time, or killed. */
export type ChildEnd = "exited" | "torn-down" | "killed";

/** What an {@linkcode OutputDrain} works on. */
export interface OutputDrainParts {
  readonly stdout: Output | null;
  readonly stderr: Output | null;
  readonly tree: RunTree;
  /** The pipe to the next stage of a pipeline, which is not read here. */
  readonly connection: StageConnection | null;
  /** Calls `action` after `ms` milliseconds, unless the run is over by then. */
  readonly after: (ms: number, action: () => void) => void;
  readonly isOver: () => boolean;
}

/**
 * Reads the output of an exited child to its end. A background process may hold a pipe
 * open: the drain waits for it for a limited time, kills what is left in the child's
 * tree, and then cuts the pipes.
 */
export class OutputDrain {
  readonly #parts: OutputDrainParts;

  /** Reads nothing by itself: the outputs do. */
  constructor(parts: OutputDrainParts) {
    this.#parts = parts;
  }

  /** Resolves when the output is read, taken by a consumer, or cut. */
  async finish(childEnd: ChildEnd): Promise<void> {
    const { stdout, stderr, tree, connection, after } = this.#parts;
    if (this.#outputs().some((output) => !output.isFinished)) {
      after(OUTLIVED_AFTER_MS, () => tree.outlivedChild());
    }
    if (childEnd === "exited") this.#limitWriters();
    // Every process of a tree that was torn down in time has exited: a process that still
    // writes is not one of them.
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
      // A slow handler may take any time for what was in the pipe when the child exited.
      // More than that comes from another process, which might write for ever.
      output.limitLength(
        output.length + PIPE_BYTES,
        IDLE_AFTER_EXIT_MS,
        () => this.#killWriters(),
      );
    }
  }

  /**
   * Resolves when no process is left in the tree. The data in a pipe to the next stage is
   * not seen here, so such a process has as long as an idle pipe that is read.
   */
  async #untilNoWriter(): Promise<void> {
    const { tree, after, isOver } = this.#parts;
    const end = performance.now() + IDLE_AFTER_EXIT_MS;
    for (
      let isEmpty = tree.isKnownEmpty();
      !isEmpty;
      isEmpty = tree.isEmpty()
    ) {
      if (isOver()) return;
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
