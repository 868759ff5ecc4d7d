import type { RunTree } from "../containment/tree.ts";
import type { TreeUsage } from "../containment/usage.ts";
import type { Outcome } from "../outcome/outcome.ts";
import type { OutputStream } from "../outcome/result.ts";
import type { ByteSink } from "../runtime/runtime.ts";

/** What stands behind a run: a child, or a script that plays one. */
export interface RunBackend {
  /** The child's number; `null` where there is no child. */
  readonly pid: number | null;
  readonly stdin: ByteSink | null;
  /** `null` where it is not captured. Its reader has to be taken in the turn in which the backend was made. */
  readonly stdout: ReadableStream<Uint8Array> | null;
  /** Like {@linkcode RunBackend.stdout}. */
  readonly stderr: ReadableStream<Uint8Array> | null;
  /** What each is encoded in, whatever the command says; `null` for what the command says. */
  readonly encodings: Readonly<Record<OutputStream, string | null>>;
  /** Whether stderr is to be read only when stdout is over, unless somebody reads that at a pace of their own. */
  readonly readsStderrLast: boolean;
  /** The streams that output is missing from beforehand. */
  readonly truncated: readonly OutputStream[];
  /** Resolves to how it ended. Never rejects. */
  readonly exit: Promise<Outcome>;
  /** Who is to be ended with it. */
  readonly tree: RunTree;
  /** Whether it has ended, as far as that can be told before {@linkcode RunBackend.exit} does. */
  hasExited(): boolean;
  /** Throws what it failed with, if it could not be started after all. To be called when it has ended. */
  throwIfFailed(stderr: string): void;
  /** What it and what it started have used; `null` where it is not there. */
  usage(): TreeUsage | null;
  /** To be called for one that cannot be ended: the program need not wait for it. */
  unref(): void;
  /** To be called last. A promise is returned only if there is something to wait for. */
  close(): void | Promise<void>;
}
