import type { RunTree } from "../containment/tree.ts";
import type { TreeUsage } from "../containment/usage.ts";
import type { Outcome } from "../outcome/outcome.ts";
import type { OutputStream } from "../outcome/result.ts";
import type { ByteSink } from "../runtime/runtime.ts";

/** What a run works on: a child process, or a simulated run. */
export interface RunBackend {
  /** The process id of the child; `null` for a simulated run. */
  readonly pid: number | null;
  readonly stdin: ByteSink | null;
  /**
   * The captured stdout; `null` if it is not captured. The reader must be taken in the
   * turn in which the backend was created.
   */
  readonly stdout: ReadableStream<Uint8Array> | null;
  /** Like {@linkcode RunBackend.stdout}. */
  readonly stderr: ReadableStream<Uint8Array> | null;
  /** The encoding of each stream; `null` for the encoding of the command. */
  readonly encodings: Readonly<Record<OutputStream, string | null>>;
  /** Whether stderr is read only once stdout has finished or has a streaming consumer. */
  readonly readsStderrLast: boolean;
  /** The streams whose recorded output is incomplete. */
  readonly truncated: readonly OutputStream[];
  /** Resolves to the outcome of the child. Never rejects. */
  readonly exit: Promise<Outcome>;
  /** The processes to kill with the child. */
  readonly tree: RunTree;
  /**
   * Whether the child has exited. This may be true before {@linkcode RunBackend.exit}
   * resolves.
   */
  hasExited(): boolean;
  /**
   * Throws if the child exited because the program could not be started. Call it only
   * after the exit.
   */
  throwIfFailed(stderr: string): void;
  /** Returns the resources that the tree has used; `null` if they are unknown. */
  usage(): TreeUsage | null;
  /** Lets the program exit without waiting for a child that cannot be killed. */
  unref(): void;
  /**
   * Releases the tree; call it last. Returns a promise only if there is something to
   * wait for.
   */
  close(): void | Promise<void>;
}
