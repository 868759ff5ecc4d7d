import {
  checkFunction,
  checkMilliseconds,
  kindOf,
  shownValue,
} from "../command/checks.ts";
import {
  describeLineMatch,
  type LineMatch,
  lineTest,
} from "../command/line_match.ts";
import { NotReadyError } from "../outcome/errors.ts";
import { messageOf } from "../outcome/message_text.ts";
import { describeOutcome } from "../outcome/outcome.ts";
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

/** How long a probe waits unless it is told otherwise, in milliseconds. */
export const DEFAULT_WITHIN_MS = 30_000;

/** See `RunningProcess.waitForLine`. */
export function waitForLine(
  run: Run,
  stdout: Output,
  match: LineMatch,
  within: number,
): Promise<string> {
  const matches = lineTest("waitForLine", match);
  return search(
    run,
    stdout,
    { by: "waitForLine", match, within },
    (backlog, seen, isOver) =>
      takeLine(backlog, matches, seen) ??
        (isOver ? takeOpen(backlog, matches, seen) : null),
  );
}

/** See `RunningProcess.waitForOutput`. */
export function waitForOutput(
  run: Run,
  stdout: Output,
  match: LineMatch,
  within: number,
): Promise<string> {
  const matches = lineTest("waitForOutput", match);
  return search(
    run,
    stdout,
    { by: "waitForOutput", match, within },
    (backlog, seen) =>
      takeLine(backlog, matches, seen) ?? takeOpen(backlog, matches, seen),
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
  { by, match, within }: { by: string; match: LineMatch; within: number },
  look: Look,
): Promise<string> {
  checkMilliseconds(`${by}: within`, within);
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
        const wanted = describeLineMatch(match);
        const last = lastOf(seen);
        throw isOver
          ? await endedError(run, "its stdout ended", `a line ${wanted}`, last)
          : notReady(
            run,
            `no line of stdout ${wanted} within ${within} ms; ${last}`,
          );
      }
      await Promise.race([changed, deadline.passed]);
    }
  } finally {
    stdout.leaveBacklog(backlog);
  }
}

function lastOf({ line }: Seen): string {
  return line === null
    ? "it has printed no line"
    : `its last line was ${JSON.stringify(messageOf(line))}`;
}

/** See `RunningProcess.waitForPort`. */
export async function waitForPort(
  run: Run,
  where: number | string | PortAddress,
  within: number,
): Promise<void> {
  checkMilliseconds("waitForPort: within", within);
  const { hostname, port } = checkedAddress(where);
  const { network } = runtime();
  const place = hostname === undefined
    ? `port ${port} of this machine`
    : `port ${port} of ${hostname}`;
  await poll(run, {
    within,
    inVain: `${place} accepted no connection`,
    before: `${place} accepted a connection`,
    ask: (signal) => network.canConnect({ hostname, port }, signal),
  });
}

/** @throws {TypeError | RangeError} if there is no port, or none of that number */
function checkedAddress(where: number | string | PortAddress): PortAddress {
  const address = typeof where === "string"
    ? addressIn(where)
    : typeof where === "number"
    ? { port: where }
    : where;
  if (typeof address !== "object" || address === null) {
    throw new TypeError(
      `waitForPort: expected a port, "host:port" or { hostname, port }, got ${
        typeof where === "string" ? JSON.stringify(where) : kindOf(where)
      }`,
    );
  }
  const { hostname, port } = address;
  if (
    hostname !== undefined && (typeof hostname !== "string" || hostname === "")
  ) {
    throw new TypeError(
      `waitForPort: expected the host as a string, got ${kindOf(hostname)}`,
    );
  }
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new RangeError(
      `waitForPort: expected a port from 1 to 65535, got ${shownValue(port)}`,
    );
  }
  return { hostname, port };
}

/** `null` for a text that is not `host:port`; an IPv6 address is in brackets. */
function addressIn(text: string): PortAddress | null {
  const parts = /^(?:\[([^\]]+)\]|([^:/\[\]]+)):(\d+)$/.exec(text);
  return parts === null
    ? null
    : { hostname: parts[1] ?? parts[2], port: Number(parts[3]) };
}

/** See `RunningProcess.waitFor`. */
export async function waitFor(
  run: Run,
  check: () => boolean | Promise<boolean>,
  within: number,
): Promise<void> {
  checkFunction("waitFor: the check", check);
  checkMilliseconds("waitFor: within", within);
  const last: { failure?: { cause: unknown } } = {};
  await poll(run, {
    within,
    inVain: "the check did not return true",
    before: "the check returned true",
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
  /** What did not happen in time, for the message. */
  readonly inVain: string;
  /** What the process exited before, for the message. */
  readonly before: string;
  readonly ask: (signal: AbortSignal) => Promise<boolean>;
  /** What the last attempt failed with, if it did. */
  readonly last?: { failure?: { cause: unknown } };
}

/** How long to wait between two attempts, in milliseconds: the first wait, and the longest. */
const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;
/** How long the last attempt may take, which is made when the process has exited. */
const LAST_ANSWER_MS = 1000;
/** How long the exit code and the rest of stderr may take when stdout has ended or the process has exited. */
const COMPLETION_MS = 1000;

async function poll(run: Run, options: PollOptions): Promise<void> {
  const { within, inVain, before, ask, last } = options;
  const abort = new AbortController();
  using deadline = new Deadline(within);
  try {
    for (let pause = SHORTEST_PAUSE_MS;; pause *= 2) {
      // Tried once more after the exit: the process may have done what was waited for.
      const hasExited = run.hasExited;
      using patience = new Deadline(hasExited ? LAST_ANSWER_MS : within);
      const isReady = await Promise.race([
        ask(abort.signal),
        deadline.passed,
        hasExited ? patience.passed : run.exited,
      ]);
      if (isReady === true) return;
      run.throwIfCancelled();
      const because = last?.failure === undefined
        ? null
        : `the last attempt failed: ${messageOf(last.failure.cause)}`;
      if (hasExited) {
        throw await endedError(
          run,
          "it exited",
          before,
          because,
          last?.failure,
        );
      }
      if (deadline.hasPassed) {
        const problem = [`${inVain} within ${within} ms`, because]
          .filter((part) => part !== null).join("; ");
        throw notReady(run, problem, last?.failure);
      }
      using rest = new Deadline(Math.min(pause, LONGEST_PAUSE_MS));
      await Promise.race([rest.passed, run.exited, deadline.passed]);
    }
  } finally {
    abort.abort();
  }
}

/**
 * The error for a process that ended before something happened: with its exit code and
 * stderr, for which it waits up to 1 second.
 */
async function endedError(
  run: Run,
  what: string,
  before: string,
  note: string | null,
  failure?: { cause: unknown },
): Promise<NotReadyError> {
  using patience = new Deadline(COMPLETION_MS);
  await Promise.race([run.completed, patience.passed]);
  run.throwIfCancelled();
  let how = what;
  let cause = failure;
  try {
    if (run.hasExited) how = `it ${describeOutcome(run.outcome())}`;
  } catch (error) {
    how = `it failed (${messageOf(error)})`;
    cause ??= { cause: error };
  }
  const problem = [`${how} before ${before}`, note].filter((part) =>
    part !== null
  ).join("; ");
  return notReady(run, problem, cause);
}

function notReady(
  run: Run,
  problem: string,
  failure?: { cause: unknown },
): NotReadyError {
  const { spec: { program, args }, stderr } = run;
  return new NotReadyError(program, problem, {
    args,
    stderr: stderr?.textSoFar() ?? "",
    ...failure,
  });
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
