/** Where one of a child's three standard streams goes. */
export type StdioMode = "piped" | "inherit" | "null";

/** All that a runtime needs to know to start a child. */
export interface SpawnSpec {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | null;
  /** Set variables with their values, removed ones with `null`. */
  readonly envs: ReadonlyMap<string, string | null>;
  readonly envCleared: boolean;
  /** The parent's variables that a child with an empty environment still gets. */
  readonly envInherited: readonly string[];
  /** A number is an open descriptor of this program's, which stays open in it. */
  readonly stdin: StdioMode | number;
  /** Like {@linkcode SpawnSpec.stdin}. */
  readonly stdout: StdioMode | number;
  /** Like {@linkcode SpawnSpec.stdin}. */
  readonly stderr: StdioMode | number;
  /** Whether the child is to lead a session and a process group of its own, if that can be had. */
  readonly ownGroup: boolean;
  /** Whether {@linkcode Child.releaseStdout} will be asked; its stdout is `"piped"` then. */
  readonly releasesStdout?: boolean;
  /** The folder of a cgroup that the child is to enter before it executes the program, if that can be had. */
  readonly cgroup?: string;
}

/** How a child ended: one of the two is not `null`. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: number | null;
}

/** Where a child's stdin is written to. */
export interface ByteSink {
  /** Resolves once the bytes are taken: `true`, or `false` when nobody reads them any more. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Lets the child see the end of its input. Never rejects. */
  close(): Promise<void>;
}

/** Where bytes are written to at once; both of its functions throw the runtime's own errors. */
export interface DirectSink {
  write(bytes: Uint8Array): void;
  close(): void;
}

/**
 * A child that was started. Whoever may not be signalled (a child that became
 * another user) is left alone: there is no way to do more.
 */
export interface Child {
  readonly pid: number;
  /** Whether the child leads a process group that {@linkcode Child.signalGroup} can reach. */
  readonly leadsGroup: boolean;
  /** Whether the child enters its cgroup by itself, before it executes the program. */
  readonly entersCgroup: boolean;
  readonly stdin: ByteSink | null;
  /** Its reader must be taken in the turn in which the child was started: a runtime may buffer without limit until then. */
  readonly stdout: ReadableStream<Uint8Array> | null;
  /** Like {@linkcode Child.stdout}. */
  readonly stderr: ReadableStream<Uint8Array> | null;
  /** Resolves when the child itself has ended. Never rejects. */
  readonly status: Promise<ExitStatus>;
  /**
   * Gives the end that its stdout is read from away, if that can be had as a descriptor:
   * then nobody reads it here. To be called once, in the turn in which it was started,
   * of a child that was started with {@linkcode SpawnSpec.releasesStdout}.
   */
  releaseStdout(): PipeEnd | null;
  /** Signals the child itself; nothing happens if it has ended. */
  signal(name: string): void;
  /** Signals the group that the child leads. False if there is nobody in it. */
  signalGroup(name: string): boolean;
  /** Lets the program end while the child goes on. */
  unref(): void;
  /** Takes {@linkcode Child.unref} back. */
  ref(): void;
  /**
   * To be called when somebody else ends the child should the program end before
   * it: the runtime is not to do so by itself then.
   */
  entrustToWatcher(): void;
  /** The error for a child that ended because the program could not be started after all, else `null`. */
  lateFailure(status: ExitStatus, stderr: string): Error | null;
}

/** What kind of thing a path leads to, and its size in bytes. */
export interface FileFacts {
  readonly kind: "file" | "folder" | "symlink" | "other";
  readonly size: number;
}

/** A file that is open for reading. */
export interface OpenFile {
  facts(): Promise<FileFacts>;
  /** Reads into `buffer`; resolves to the number of bytes, 0 at the end. */
  read(buffer: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** A file that is open for a child to write to. */
export interface OutputDescriptor {
  readonly descriptor: number;
  /** Equal for two that are the same file, by whatever path. */
  readonly identity: string;
  close(): Promise<void>;
}

/** One end of a pipe, which is open in this program and in no child that is not given it. */
export interface PipeEnd {
  readonly descriptor: number;
  close(): void;
}

/** A pipe of the kernel's: what is written to the one end is read from the other. */
export interface Pipe {
  readonly reader: PipeEnd;
  readonly writer: PipeEnd;
}

/** A new file that only its owner may read and write. */
export interface PrivateFile {
  /** Writes all of it. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when the content is on the disk itself. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A folder that is locked. */
export interface FolderLock {
  release(): Promise<void>;
}

/** What is needed of files. Failures are the runtime's own errors. */
export interface Files {
  /** What is at `path`, or `null` if nothing is. A symbolic link is followed unless `link` is set. */
  facts(path: string, options?: { link?: boolean }): Promise<FileFacts | null>;
  open(path: string): Promise<OpenFile>;
  /** The text of a file. */
  readText(path: string): Promise<string>;
  /** Opens a file for a child to write to, creating it, and emptying it unless it is appended to. */
  openForChild(
    path: string,
    options: { append: boolean },
  ): Promise<OutputDescriptor>;
  /** Creates a file with mode 0600 whatever the umask; fails if anything is there. */
  createPrivate(path: string): Promise<PrivateFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Creates a folder and those above it; an existing one is fine. */
  createFolder(path: string): Promise<void>;
  /** The names of what is in a folder. */
  names(path: string): Promise<string[]>;
  /**
   * Locks a folder against everybody else who does, in this program or another, in
   * either runtime; waits for who has it. It is free again when it is released, or when
   * the program ends, however it ends.
   */
  lockFolder(path: string): Promise<FolderLock>;
  /** Resolves when the folder's entries are on the disk itself, where the system can tell. */
  syncFolder(path: string): Promise<void>;
}

/**
 * What the system tells of its processes, and lets be done to them. All of it at
 * once, and none of it ever asks for a permission: what may not be done is as if
 * it were not there.
 */
export interface System {
  readonly kind: "linux" | "posix" | "windows";
  /** This program's own process. */
  readonly pid: number;
  /**
   * Whether this is a test of a suite that takes a child which is still there at its
   * end for a leak, whoever started it.
   */
  readonly countsLeaks: boolean;
  /** Why groups may not be signalled, or `null` if they may be. */
  noGroupsReason(): string | null;
  /** Signals a process, or a whole group by its number made negative. False if nobody is there. */
  signal(pid: number, name: string): boolean;
  /** Whether a process, or a group by its number made negative, is there; one that waits to be reaped is. */
  exists(pid: number): boolean;
  /** A file's text, or `null` if it cannot be read. */
  readText(path: string): string | null;
  /** What `/proc` says of every process there is, in the form of `/proc/<pid>/stat`; `null` if it does not tell. */
  processLines(): string[] | null;
  /** The names of the folders in a folder, or `null` if it cannot be read. */
  folders(path: string): string[] | null;
  /** Writes over what is in a file that is there; throws the runtime's own error. */
  writeText(path: string, text: string): void;
  /**
   * A way to write to the stdin of a child, which is a pipe, at once: where a
   * {@linkcode ByteSink} might wait for the event loop to turn. `null` where a sink
   * does not, or where there is no such way.
   */
  directStdinOf(pid: number): DirectSink | null;
  /** Whether a file may be written to. */
  mayWrite(path: string): boolean;
  /** Creates a folder; throws the runtime's own error. */
  createFolder(path: string): void;
  /** Removes an empty folder. False if it is not empty, or cannot be removed; true also if it is not there. */
  removeFolder(path: string): boolean;
}

/** What surrounds the program. None of it ever asks for a permission. */
export interface HostEnvironment {
  /** An environment variable's value; `null` if there is none, or it cannot be read. */
  variable(name: string): string | null;
  /**
   * Whether a stack trace has a frame for every caller. JavaScriptCore replaces the frame
   * of a function that returns the result of another call.
   */
  readonly hasExactStacks: boolean;
  /** Whether an environment variable can be read, if it is there. */
  canReadVariable(name: string): boolean;
  /**
   * The program's working directory, its user's home, or where temporary files go.
   *
   * @throws {UnsupportedError} if a permission is missing for it
   */
  folder(which: "cwd" | "home" | "tmp"): string;
}

/** Where somebody may listen. */
export interface Address {
  /** Left out, this machine, by either of its loopback addresses. */
  readonly hostname?: string;
  readonly port: number;
}

/** What is needed of the network. */
export interface Network {
  /**
   * Whether somebody accepts a TCP connection there, which is closed at once; `false`
   * as soon as the signal fires.
   *
   * @throws {UnsupportedError} if a permission is missing for it
   */
  canConnect(address: Address, signal: AbortSignal): Promise<boolean>;
}

/**
 * What the library needs of the runtime it is in, in the library's own terms.
 * Another runtime would be one more file that implements this.
 */
export interface Runtime {
  /**
   * Starts a child.
   *
   * @throws {NotFoundError} if the program is not there
   * @throws {SpawnError} if it cannot be started
   * @throws {UnsupportedError} if a permission is missing for what was asked for by name
   */
  spawn(spec: SpawnSpec): Child;
  /**
   * Where the program of a child would be found, as the caller names it.
   *
   * @throws {NotFoundError} if it is not there
   * @throws {SpawnError} if it may not be executed
   * @throws {UnsupportedError} if a permission is missing for it, or the system has other rules
   */
  which(spec: SpawnSpec): string;
  /** Makes pipes for children that are still to be started; `null` where they cannot be had, for want of `mkfifo` say. */
  pipes(count: number): Pipe[] | null;
  readonly files: Files;
  readonly system: System;
  readonly network: Network;
  readonly environment: HostEnvironment;
  /**
   * Calls `action` when the program ends normally or by an exit function; not when it is
   * killed, nor, on Deno, after an uncaught error.
   */
  onExit(action: () => void): void;
}

/** Whether a name in `/proc` is a process's number. */
export function isProcessName(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 0x31 && first <= 0x39;
}
