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

/** The address of a TCP port. */
export interface PortAddress {
  /**
   * A host name or IP address.
   *
   * @default {the loopback addresses of this machine, IPv4 and IPv6}
   */
  hostname?: string;
  /** The port number, from 1 to 65535. */
  port: number;
}

/** The last line that a search has tested, for the error message. */
interface LastLine {
  line: string | null;
}

/**
 * Searches the output that has arrived. Takes a match from the backlog and returns it,
 * otherwise returns `null`.
 */
type SearchStep = (
  backlog: Backlog,
  lastLine: LastLine,
  isFinished: boolean,
) => string | null;

/** The default time limit of a probe, in milliseconds. */
export const DEFAULT_WITHIN_MS = 30_000;

/** Implements `RunningProcess.waitForLine`. */
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
    { method: "waitForLine", match, within },
    (backlog, lastLine, isFinished) =>
      takeCompleteLine(backlog, matches, lastLine) ??
        (isFinished ? takePartialLine(backlog, matches, lastLine) : null),
  );
}

/** Implements `RunningProcess.waitForOutput`. */
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
    { method: "waitForOutput", match, within },
    (backlog, lastLine) =>
      takeCompleteLine(backlog, matches, lastLine) ??
        takePartialLine(backlog, matches, lastLine),
  );
}

function takeCompleteLine(
  backlog: Backlog,
  predicate: (line: string) => boolean,
  lastLine: LastLine,
): string | null {
  for (
    let line = backlog.nextLine();
    line !== null;
    line = backlog.nextLine()
  ) {
    lastLine.line = line;
    if (!predicate(line)) continue;
    backlog.takeSearchedLines();
    return line;
  }
  return null;
}

function takePartialLine(
  backlog: Backlog,
  predicate: (line: string) => boolean,
  lastLine: LastLine,
): string | null {
  const line = backlog.partialLine();
  if (line === "") return null;
  lastLine.line = line;
  if (!predicate(line)) return null;
  backlog.takePartialLine();
  return line;
}

async function search(
  run: Run,
  stdout: Output,
  { method, match, within }: {
    method: string;
    match: LineMatch;
    within: number;
  },
  step: SearchStep,
): Promise<string> {
  checkMilliseconds(`${method}: within`, within);
  const backlog = stdout.beginSearch(method);
  const lastLine: LastLine = { line: null };
  using deadline = new Deadline(within);
  try {
    for (;;) {
      const changed = stdout.changed();
      const isFinished = stdout.isFinished;
      const found = step(backlog, lastLine, isFinished);
      if (found !== null) return found;
      backlog.enforceLimits();
      run.throwIfCancelled();
      const overflow = stdout.overflowError();
      if (overflow !== null) throw overflow;
      if (isFinished || deadline.hasPassed) {
        const wanted = describeLineMatch(match);
        const last = lastLineNote(lastLine);
        throw isFinished
          ? await exitedError(
            run,
            "its stdout was closed",
            `a line ${wanted}`,
            last,
          )
          : notReady(
            run,
            `no line of stdout ${wanted} within ${within} ms; ${last}`,
          );
      }
      await Promise.race([changed, deadline.passed]);
    }
  } finally {
    stdout.endSearch(backlog);
  }
}

function lastLineNote({ line }: LastLine): string {
  return line === null
    ? "it has printed no line"
    : `its last line was ${JSON.stringify(messageOf(line))}`;
}

/** Implements `RunningProcess.waitForPort`. */
export async function waitForPort(
  run: Run,
  address: number | string | PortAddress,
  within: number,
): Promise<void> {
  checkMilliseconds("waitForPort: within", within);
  const { hostname, port } = checkedAddress(address);
  const { network } = runtime();
  const target = hostname === undefined
    ? `port ${port} of this machine`
    : `port ${port} of ${hostname}`;
  await poll(run, {
    within,
    unmet: `${target} accepted no connection`,
    event: `${target} accepted a connection`,
    attempt: (signal) => network.canConnect({ hostname, port }, signal),
  });
}

/**
 * Parses and checks an address.
 *
 * @throws {TypeError} if `given` is not an address
 * @throws {RangeError} if the port is not a whole number from 1 to 65535
 */
function checkedAddress(given: number | string | PortAddress): PortAddress {
  const address = typeof given === "string"
    ? parseAddress(given)
    : typeof given === "number"
    ? { port: given }
    : given;
  if (typeof address !== "object" || address === null) {
    throw new TypeError(
      `waitForPort: expected a port, "host:port" or { hostname, port }, got ${
        typeof given === "string" ? JSON.stringify(given) : kindOf(given)
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

/**
 * Parses `host:port`, with an IPv6 address in brackets. Returns `null` for any other
 * text.
 */
function parseAddress(text: string): PortAddress | null {
  const parts = /^(?:\[([^\]]+)\]|([^:/\[\]]+)):(\d+)$/.exec(text);
  return parts === null
    ? null
    : { hostname: parts[1] ?? parts[2], port: Number(parts[3]) };
}

/** Implements `RunningProcess.waitFor`. */
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
    unmet: "the check did not return true",
    event: "the check returned true",
    last,
    async attempt() {
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
  /** What did not happen in time, as a clause for the message. */
  readonly unmet: string;
  /** What the probe waits for, as a clause for the message. */
  readonly event: string;
  readonly attempt: (signal: AbortSignal) => Promise<boolean>;
  /** The error of the last attempt, if it failed. */
  readonly last?: { failure?: { cause: unknown } };
}

/** The first and the longest pause between two attempts, in milliseconds. */
const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;
/**
 * How long the last attempt, after the exit of the process, may take, in milliseconds.
 */
const LAST_ATTEMPT_MS = 1000;
/**
 * How long to wait for the exit code and the rest of stderr once stdout has finished or
 * the process has exited, in milliseconds.
 */
const COMPLETION_MS = 1000;

async function poll(run: Run, options: PollOptions): Promise<void> {
  const { within, unmet, event, attempt, last } = options;
  const abort = new AbortController();
  using deadline = new Deadline(within);
  try {
    for (let pause = SHORTEST_PAUSE_MS;; pause *= 2) {
      // Try once more after the exit: the process may have done what the probe waits
      // for.
      const hasExited = run.hasExited;
      using attemptLimit = new Deadline(hasExited ? LAST_ATTEMPT_MS : within);
      const isReady = await Promise.race([
        attempt(abort.signal),
        deadline.passed,
        hasExited ? attemptLimit.passed : run.exited,
      ]);
      if (isReady === true) return;
      run.throwIfCancelled();
      const failureNote = last?.failure === undefined
        ? null
        : `the last attempt failed: ${messageOf(last.failure.cause)}`;
      if (hasExited) {
        throw await exitedError(
          run,
          "it exited",
          event,
          failureNote,
          last?.failure,
        );
      }
      if (deadline.hasPassed) {
        const problem = [`${unmet} within ${within} ms`, failureNote]
          .filter((part) => part !== null).join("; ");
        throw notReady(run, problem, last?.failure);
      }
      using pauseEnd = new Deadline(Math.min(pause, LONGEST_PAUSE_MS));
      await Promise.race([pauseEnd.passed, run.exited, deadline.passed]);
    }
  } finally {
    abort.abort();
  }
}

/**
 * Creates the error for a process that exited before `event`. Waits up to 1 second for
 * its exit code and stderr; `ending` is used if the outcome is still unknown then.
 */
async function exitedError(
  run: Run,
  ending: string,
  event: string,
  note: string | null,
  failure?: { cause: unknown },
): Promise<NotReadyError> {
  using completionLimit = new Deadline(COMPLETION_MS);
  await Promise.race([run.completed, completionLimit.passed]);
  run.throwIfCancelled();
  let actualEnding = ending;
  let cause = failure;
  try {
    if (run.hasExited) {
      actualEnding = `it ${describeOutcome(run.outcome())}`;
    }
  } catch (error) {
    actualEnding = `it failed (${messageOf(error)})`;
    cause ??= { cause: error };
  }
  const problem = [`${actualEnding} before ${event}`, note].filter((part) =>
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

/** A timer that can be awaited and checked. */
class Deadline implements Disposable {
  /** Resolves when the time has passed. */
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
