import { messageOf } from "../outcome/message_text.ts";
import type {
  ByteSink,
  Child,
  DirectSink,
  Runtime,
} from "../runtime/runtime.ts";
import { WATCHER_NAME } from "./watcher_process_scan.ts";
import { watcherScript } from "./watcher_script.ts";

/**
 * What a watcher watches: `g`, the leader of a group; `p`, a process in the group of
 * another; `c`, a cgroup.
 */
export type WatchTarget = `g ${number}` | `p ${number}` | `c ${string}`;

/**
 * A counted reference to the watcher of this program: a small process that outlives the
 * program, in whatever way it ends, and kills the processes that it leaves behind.
 *
 * A program has at most one watcher. It is started for the first target, and exits when the
 * last reference is released and nothing is watched any more.
 */
export class WatcherRef {
  readonly #host: Runtime;
  #isReleased = false;

  /** Makes a reference, and starts nothing. */
  constructor(host: Runtime) {
    this.#host = host;
    refCount++;
  }

  /**
   * Starts the watcher unless it is running. Returns why there can be no watcher; `null`
   * if it is running.
   */
  start(): string | null {
    return ensureWatcher(this.#host) === null ? unavailableReason : null;
  }

  /**
   * Has the watcher kill `target` once this program has ended. Returns `false` if there
   * can be no watcher.
   */
  watch(target: WatchTarget): boolean {
    // A watcher that is started here gets all targets at its start.
    const wasRunning = watcher !== null;
    targets.set(target, { leaderHasExited: false });
    const current = ensureWatcher(this.#host);
    if (wasRunning) current?.send(`+ ${target}\n`);
    return current !== null;
  }

  /** Tells the watcher that the leader of a watched group has exited and the group may continue. */
  leaderExited(target: WatchTarget): void {
    const state = targets.get(target);
    if (state === undefined) return;
    state.leaderHasExited = true;
    watcher?.send(`~ ${target}\n`);
  }

  /** Undoes {@linkcode WatcherRef.watch}. */
  unwatch(target: WatchTarget): void {
    if (!targets.delete(target)) return;
    watcher?.send(`- ${target}\n`);
    stopIfUnused();
  }

  /** Releases the reference. If it was the last one, resolves when the watcher has exited. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    refCount--;
    await stopIfUnused();
  }
}

/** Stops the watcher if no reference is left and nothing is watched. */
async function stopIfUnused(): Promise<void> {
  if (refCount > 0 || targets.size > 0) return;
  const last = watcher;
  watcher = null;
  await last?.stop();
}

let refCount = 0;
let watcher: Watcher | null = null;
let unavailableReason: string | null = null;
const targets = new Map<WatchTarget, { leaderHasExited: boolean }>();

/** Returns the watcher, which is started unless it is running; `null` if there can be none. */
function ensureWatcher(host: Runtime): Watcher | null {
  if (watcher !== null) return watcher;
  unavailableReason = watcherUnavailableReason(host);
  if (unavailableReason !== null) return null;
  try {
    const started = new Watcher(host, initialLines(host), () => {
      if (watcher === started) watcher = null;
    });
    watcher = started;
  } catch (error) {
    unavailableReason = `the watcher's shell cannot be started: ${
      messageOf(error)
    }`;
  }
  return watcher;
}

/**
 * Returns the lines that tell a new watcher of all targets. It leaves out a group whose
 * leader has exited and whose number belongs to another process by now.
 */
function initialLines({ system }: Runtime): string {
  let lines = "";
  for (const [target, { leaderHasExited }] of targets) {
    if (!leaderHasExited) lines += `+ ${target}\n`;
    else if (!system.exists(Number(target.slice(2)))) {
      lines += `+ ${target}\n~ ${target}\n`;
    }
  }
  return lines;
}

/**
 * Returns why this program can have no watcher; `null` if no reason is known before it is
 * started.
 */
export function watcherUnavailableReason({ system }: Runtime): string | null {
  return system.kind === "windows"
    ? "Windows has no POSIX shell"
    : system.groupsUnavailableReason();
}

/** The running watcher process. */
class Watcher {
  readonly #child: Child;
  readonly #stdin: ByteSink;
  readonly #direct: DirectSink | null;

  /**
   * Starts the watcher with these lines. `onExit` is called when it exits, even if it was
   * not stopped.
   */
  constructor(host: Runtime, lines: string, onExit: () => void) {
    const { system } = host;
    const source = system.kind === "linux" ? "proc" : "ps";
    this.#child = host.spawn({
      program: "/bin/sh",
      // The first lines are an argument, so that they arrive together with the process.
      args: ["-c", watcherScript(source), lines, WATCHER_NAME],
      cwd: null,
      // The script needs no other variables. Those of this program may be secret, and other
      // processes can read the environment of the watcher.
      envs: new Map([["PATH", PATH], ["LC_ALL", "C"]]),
      envCleared: true,
      envInherited: [],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      ownGroup: true,
    });
    this.#stdin = this.#child.stdin!;
    this.#direct = system.directStdinOf(this.#child.pid);
    this.#child.unref();
    this.#child.status.then(onExit);
  }

  /**
   * Sends lines without waiting. A failure is ignored: if the watcher has exited, `onExit`
   * is called.
   */
  send(lines: string): void {
    const bytes = ENCODER.encode(lines);
    if (this.#direct === null) {
      this.#stdin.write(bytes).catch(() => {});
      return;
    }
    try {
      this.#direct.write(bytes);
    } catch {
      // The watcher has exited.
    }
  }

  /** Closes the input of the watcher, and waits until it has exited. */
  async stop(): Promise<void> {
    // Otherwise this program could end while it waits here.
    this.#child.ref();
    this.#direct?.close();
    await this.#stdin.close();
    await this.#child.status;
  }
}

const ENCODER = new TextEncoder();
/** The folders of the programs that the script uses. The last one is that of NixOS. */
const PATH = "/usr/bin:/bin:/run/current-system/sw/bin";
