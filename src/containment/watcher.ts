import { messageOf } from "../outcome/message_text.ts";
import type {
  ByteSink,
  Child,
  DirectSink,
  Runtime,
} from "../runtime/runtime.ts";
import { WATCHER_NAME } from "./watcher_process_scan.ts";
import { watcherScript } from "./watcher_script.ts";

/** What a watcher is told of: `g`, the leader of a group; `p`, a process in another's group; `c`, a cgroup. */
export type Watched = `g ${number}` | `p ${number}` | `c ${string}`;

/**
 * A share in the program's one watcher: the small process that outlives it, by
 * whatever door it goes, for as long as it takes to end what it has left behind.
 *
 * It is there from the first thing to be watched until the last share is released.
 */
export class WatcherRef {
  readonly #host: Runtime;
  #isReleased = false;

  /** Takes a share; nothing is started. */
  constructor(host: Runtime) {
    this.#host = host;
    shares++;
  }

  /** Starts the watcher, unless it is there. Returns why there can be none, or `null`. */
  start(): string | null {
    return running(this.#host) === null ? whyNone : null;
  }

  /** Has something ended once the program is gone. False if there is no watcher. */
  watch(what: Watched): boolean {
    // The watcher that is started now is told of everything that is watched.
    const wasRunning = watcher !== null;
    watched.set(what, { hasGoneOn: false });
    const current = running(this.#host);
    if (wasRunning) current?.tell(`+ ${what}\n`);
    return current !== null;
  }

  /** Tells that the leader of a watched group has ended, and that the group goes on. */
  leaderExited(what: Watched): void {
    const state = watched.get(what);
    if (state === undefined) return;
    state.hasGoneOn = true;
    watcher?.tell(`~ ${what}\n`);
  }

  /** Takes {@linkcode WatcherRef.watch} back. */
  forget(what: Watched): void {
    if (!watched.delete(what)) return;
    watcher?.tell(`- ${what}\n`);
    endIfIdle();
  }

  /** Gives the share back; with the last one the watcher goes. Resolves when it is gone. */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    shares--;
    await endIfIdle();
  }
}

/** Lets the watcher go when nobody has a share in it, and nothing is watched any more. */
async function endIfIdle(): Promise<void> {
  if (shares > 0 || watched.size > 0) return;
  const last = watcher;
  watcher = null;
  await last?.end();
}

let shares = 0;
let watcher: Watcher | null = null;
let whyNone: string | null = null;
const watched = new Map<Watched, { hasGoneOn: boolean }>();

/** The watcher that is there, or that is started now. */
function running(host: Runtime): Watcher | null {
  if (watcher !== null) return watcher;
  whyNone = noWatcherReason(host);
  if (whyNone !== null) return null;
  try {
    const started = new Watcher(host, linesOfAll(host), () => {
      if (watcher === started) watcher = null;
    });
    watcher = started;
  } catch (error) {
    whyNone = `its shell cannot be started: ${messageOf(error)}`;
  }
  return watcher;
}

/** What a new watcher is told of: of all that is watched, but for numbers that are a stranger's by now. */
function linesOfAll({ system }: Runtime): string {
  let lines = "";
  for (const [what, { hasGoneOn }] of watched) {
    if (!hasGoneOn) lines += `+ ${what}\n`;
    else if (!system.exists(Number(what.slice(2)))) {
      lines += `+ ${what}\n~ ${what}\n`;
    }
  }
  return lines;
}

/** Why this program can have no watcher, as far as that is known beforehand. */
export function noWatcherReason({ system }: Runtime): string | null {
  return system.kind === "windows"
    ? "there is no POSIX shell on Windows"
    : system.noGroupsReason();
}

class Watcher {
  readonly #child: Child;
  readonly #stdin: ByteSink;
  readonly #direct: DirectSink | null;

  /** Starts it and tells it `lines`; `onEnd` is called should it end before it is told to. */
  constructor(host: Runtime, lines: string, onEnd: () => void) {
    const { system } = host;
    const facts = system.kind === "linux" ? "proc" : "ps";
    this.#child = host.spawn({
      program: "/bin/sh",
      // The first lines are arguments: they are there as soon as it is.
      args: ["-c", watcherScript(facts), lines, WATCHER_NAME],
      cwd: null,
      // It needs nothing of the owner's, and would hold it in sight of others.
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
    this.#child.status.then(onEnd);
  }

  /** Writes to it, without waiting; one that is gone is noticed by its end. */
  tell(lines: string): void {
    const bytes = ENCODER.encode(lines);
    if (this.#direct === null) {
      this.#stdin.write(bytes).catch(() => {});
      return;
    }
    try {
      this.#direct.write(bytes);
    } catch {
      // It is gone.
    }
  }

  /** Lets it see its owner's end, and waits for its own. */
  async end(): Promise<void> {
    // Or the program could end while it waits.
    this.#child.ref();
    this.#direct?.close();
    await this.#stdin.close();
    await this.#child.status;
  }
}

const ENCODER = new TextEncoder();
/** Where what the script uses is found; the last is where NixOS has it. */
const PATH = "/usr/bin:/bin:/run/current-system/sw/bin";
