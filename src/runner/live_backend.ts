import { type CommandSpec, hasStdoutListeners } from "../command/spec.ts";
import type { Containment } from "../containment/containment.ts";
import { statFields } from "../containment/proc_stat.ts";
import type { RunTree } from "../containment/tree.ts";
import { type TreeUsage, treeUsageOf } from "../containment/usage.ts";
import { exited, type Outcome, signalled } from "../outcome/outcome.ts";
import { runtime } from "../runtime/detect.ts";
import type { Child, ExitStatus, StdioMode } from "../runtime/runtime.ts";
import type { RunBackend } from "./backend.ts";
import type { OutputFiles } from "./output_files.ts";

const COMMAND_ENCODINGS = Object.freeze({ stdout: null, stderr: null });

/** A run's child process. */
export class LiveBackend implements RunBackend {
  readonly tree: RunTree;
  readonly exit: Promise<Outcome>;
  readonly encodings = COMMAND_ENCODINGS;
  readonly readsStderrLast = false;
  readonly truncated = [];
  readonly stdout: Child["stdout"];
  readonly #child: Child;
  readonly #containment: Containment;
  #status: ExitStatus | null = null;

  /** Starts the child. */
  constructor(
    containment: Containment,
    spec: CommandSpec,
    stdin: StdioMode | number,
    files: OutputFiles,
  ) {
    this.#containment = containment;
    const { modes } = files;
    const { connection } = spec;
    const releasesStdout = connection !== null && !hasStdoutListeners(spec) &&
      modes.stdout === "piped";
    const { child, tree } = containment.start(
      {
        ...spec,
        stdin,
        ...modes,
        ownGroup: false,
        releasesStdout,
      },
      spec,
    );
    this.#child = child;
    this.tree = tree;
    const reader = releasesStdout ? child.releaseStdout() : null;
    if (reader !== null) connection!.giveReader(reader);
    this.stdout = reader === null ? child.stdout : null;
    this.exit = child.status.then((status) => {
      this.#status = status;
      return outcomeOf(status);
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get stdin(): Child["stdin"] {
    return this.#child.stdin;
  }

  get stderr(): Child["stderr"] {
    return this.#child.stderr;
  }

  hasExited(): boolean {
    if (this.#status !== null) return true;
    const { system } = runtime();
    const stat = system.readText(`/proc/${this.pid}/stat`);
    if (stat !== null) return isExiting(stat);
    return system.groupsUnavailableReason() === null &&
      !system.exists(this.pid);
  }

  throwIfFailed(stderr: string): void {
    if (this.#status === null) return;
    const failure = this.#child.lateFailure(this.#status, stderr);
    if (failure !== null) throw failure;
  }

  usage(): TreeUsage | null {
    return this.#status === null
      ? treeUsageOf(runtime().system, this.tree.members())
      : null;
  }

  unref(): void {
    this.#child.unref();
  }

  close(): void | Promise<void> {
    return this.#containment.finish(this.tree);
  }
}

/**
 * The PF_EXITING flag of a process. The kernel closes the pipes of an exiting process
 * before the process becomes a zombie, so the state alone would be too late.
 */
const PF_EXITING = 4;

function isExiting(stat: string): boolean {
  const fields = statFields(stat);
  return fields[0] === "Z" || (Number(fields[6]) & PF_EXITING) !== 0;
}

function outcomeOf({ code, signal }: ExitStatus): Outcome {
  return code !== null ? exited(code) : signalled(signal);
}
