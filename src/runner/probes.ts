import { checkMilliseconds } from "../command/checks.ts";
import { NotReadyError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import type { Backlog } from "../output/backlog.ts";
import type { Output } from "../output/output.ts";
import { runtime } from "../runtime/detect.ts";
import type { Run } from "./run.ts";

/** Where a port is waited for. */
export interface PortAddress {
  /** A name or an address; left out, this machine, by either of its loopback addresses. */
  hostname?: string;
  /** From 1 to 65535. */
  port: number;
}

/** The last line that was looked at. */
interface Seen {
  line: string | null;
}

/** Looks through what has come; what it finds is taken, and returned. */
type Look = (backlog: Backlog, seen: Seen, isOver: boolean) => string | null;

/** See `RunningProcess.waitForLine`. */
export function waitForLine(
  run: Run,
  stdout: Output,
  predicate: (line: string) => boolean,
  within: number,
): Promise<string> {
  return search(
    run,
    stdout,
    { by: "waitForLine", within },
    (backlog, seen, isOver) =>
      takeLine(backlog, predicate, seen) ??
        (isOver ? takeOpen(backlog, predicate, seen) : null),
  );
}

/** See `RunningProcess.waitForOutput`. */
export function waitForOutput(
  run: Run,
  stdout: Output,
  predicate: (text: string) => boolean,
  within: number,
): Promise<string> {
  return search(
    run,
    stdout,
    { by: "waitForOutput", within },
    (backlog, seen) =>
      takeLine(backlog, predicate, seen) ?? takeOpen(backlog, predicate, seen),
  );
}

function takeLine(
  backlog: Backlog,
  predicate: (line: string) => boolean,
  seen: Seen,
): string | null {
  for (
    let line = backlog.nextLine();
    line !== null;
    line = backlog.nextLine()
  ) {
    seen.line = line;
    if (!predicate(line)) continue;
    backlog.takeLines();
    return line;
  }
  return null;
}

function takeOpen(
  backlog: Backlog,
  predicate: (line: string) => boolean,
  seen: Seen,
): string | null {
  const line = backlog.openLine();
  if (line === "") return null;
  seen.line = line;
  if (!predicate(line)) return null;
  backlog.takeOpenLine();
  return line;
}

async function search(
  run: Run,
  stdout: Output,
  { by, within }: { by: string; within: number },
  look: Look,
): Promise<string> {
  checkMilliseconds(by, within);
  const backlog = stdout.backlog(by);
  const seen: Seen = { line: null };
  using deadline = new Deadline(within);
  try {
    for (;;) {
      const changed = stdout.changed();
      const isOver = stdout.isFinished;
      const found = look(backlog, seen, isOver);
      if (found !== null) return found;
      backlog.goOn();
      run.throwIfCancelled();
      const overflow = stdout.overflow();
      if (overflow !== null) throw overflow;
      if (isOver || deadline.hasPassed) {
        const end = isOver
          ? "its stdout ended without what was waited for"
          : `what was waited for did not come within ${within} ms`;
        throw notReady(run, `${end}; ${lastOf(seen)}`);
      }
      await Promise.race([changed, deadline.passed]);
    }
  } finally {
    stdout.leaveBacklog(backlog);
  }
}

function lastOf({ line }: Seen): string {
  return line === null
    ? "it printed no line"
    : `its last line was ${JSON.stringify(messageOf(line))}`;
}

/** See `RunningProcess.waitForPort`. */
export async function waitForPort(
  run: Run,
  { hostname, port }: PortAddress,
  within: number,
): Promise<void> {
  checkMilliseconds("waitForPort", within);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(
      `waitForPort: expected a port from 1 to 65535, got ${port}`,
    );
  }
  const { network } = runtime();
  await poll(run, {
    within,
    awaited: `port ${port} at ${hostname ?? "this machine"}`,
    ask: (signal) => network.canConnect({ hostname, port }, signal),
  });
}

/** See `RunningProcess.waitFor`. */
export async function waitFor(
  run: Run,
  check: () => boolean | Promise<boolean>,
  within: number,
): Promise<void> {
  checkMilliseconds("waitFor", within);
  const last: { failure?: { cause: unknown } } = {};
  await poll(run, {
    within,
    awaited: "what was waited for",
    last,
    async ask() {
      try {
        const answer = await check();
        last.failure = undefined;
        return answer === true;
      } catch (cause) {
        last.failure = { cause };
        return false;
      }
    },
  });
}

interface PollOptions {
  readonly within: number;
  readonly awaited: string;
  readonly ask: (signal: AbortSignal) => Promise<boolean>;
  /** What the last question failed with, if it did. */
  readonly last?: { failure?: { cause: unknown } };
}

/** How long to wait between two questions, in milliseconds: the first, and the longest. */
const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;
/** How long the last question may take, which is asked when the process has ended. */
const LAST_ANSWER_MS = 1000;

async function poll(run: Run, options: PollOptions): Promise<void> {
  const { within, awaited, ask, last } = options;
  const abort = new AbortController();
  using deadline = new Deadline(within);
  try {
    for (let pause = SHORTEST_PAUSE_MS;; pause *= 2) {
      // Asked once more when it has ended: it may have done what was waited for.
      const hasExited = run.hasExited;
      using patience = new Deadline(hasExited ? LAST_ANSWER_MS : within);
      const isReady = await Promise.race([
        ask(abort.signal),
        deadline.passed,
        hasExited ? patience.passed : run.exited,
      ]);
      if (isReady === true) return;
      run.throwIfCancelled();
      if (hasExited) {
        throw notReady(run, `it ended without ${awaited}`, last?.failure);
      }
      if (deadline.hasPassed) {
        throw notReady(
          run,
          `${awaited} was not there within ${within} ms`,
          last?.failure,
        );
      }
      using rest = new Deadline(Math.min(pause, LONGEST_PAUSE_MS));
      await Promise.race([rest.passed, run.exited, deadline.passed]);
    }
  } finally {
    abort.abort();
  }
}

function notReady(
  run: Run,
  why: string,
  failure?: { cause: unknown },
): NotReadyError {
  const { program } = run.spec;
  const because = failure === undefined
    ? ""
    : `; the last attempt failed: ${messageOf(failure.cause)}`;
  return new NotReadyError(program, why + because, failure);
}

/** A point in time that is waited for. */
class Deadline implements Disposable {
  /** Resolves when it has passed. */
  readonly passed: Promise<void>;
  readonly #timer: ReturnType<typeof setTimeout>;
  #hasPassed = false;

  constructor(ms: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.passed = promise;
    this.#timer = setTimeout(() => {
      this.#hasPassed = true;
      resolve();
    }, ms);
  }

  get hasPassed(): boolean {
    return this.#hasPassed;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
