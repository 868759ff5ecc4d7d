/** Where one of a child's three standard streams goes. */
export type StdioMode = "piped" | "inherit" | "null";

/** Everything that a runtime needs to start a child. */
export interface SpawnSpec {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | null;
  /** The values of the variables to set; `null` removes a variable. */
  readonly envs: ReadonlyMap<string, string | null>;
  readonly envCleared: boolean;
  /** The parent's variables that a child with a cleared environment still gets. */
  readonly envInherited: readonly string[];
  /** A number is a descriptor of this process. It stays open here. */
  readonly stdin: StdioMode | number;
  /** Like {@linkcode SpawnSpec.stdin}. */
  readonly stdout: StdioMode | number;
  /** Like {@linkcode SpawnSpec.stdin}. */
  readonly stderr: StdioMode | number;
  /**
   * Asks for a session and a process group that the child leads. Ignored where they are
   * not available.
   */
  readonly ownGroup: boolean;
  /** Whether the caller will call {@linkcode Child.releaseStdout}. Requires `"piped"` stdout. */
  readonly releasesStdout?: boolean;
  /**
   * The folder of a cgroup for the child to enter before it executes the program. Ignored
   * where that is not possible.
   */
  readonly cgroup?: string;
}

/** The exit status of a child. Exactly one of the two fields is not `null`. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: number | null;
}

/** The writing end of a child's stdin. */
export interface ByteSink {
  /**
   * Resolves with `true` once the bytes are written, and with `false` if the reading end
   * is closed.
   */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Closes the stream, so that the child reads the end of its input. Never rejects. */
  close(): Promise<void>;
}

/** A synchronous sink. Both methods throw the runtime's own errors. */
export interface DirectSink {
  write(bytes: Uint8Array): void;
  close(): void;
}

/**
 * A child that was started. Signalling a process that this program may not signal
 * (a child that became another user) does nothing and throws nothing.
 */
export interface Child {
  readonly pid: number;
  /** Whether the child leads a process group that {@linkcode Child.signalGroup} can reach. */
  readonly leadsGroup: boolean;
  /** Whether the child enters its cgroup by itself, before it executes the program. */
  readonly entersCgroup: boolean;
  readonly stdin: ByteSink | null;
  /**
   * The child's stdout. Attach a reader in the turn of the event loop in which the child
   * was started: until then a runtime may buffer without limit.
   */
  readonly stdout: ReadableStream<Uint8Array> | null;
  /** Like {@linkcode Child.stdout}. */
  readonly stderr: ReadableStream<Uint8Array> | null;
  /** Resolves when the child itself has exited. Never rejects. */
  readonly status: Promise<ExitStatus>;
  /**
   * Hands over the reading end of stdout as a descriptor, after which this program does
   * not read it. Returns `null` if there is no such descriptor. Call it at most once, in
   * the turn in which the child was started, and only for a child with
   * {@linkcode SpawnSpec.releasesStdout}.
   */
  releaseStdout(): PipeEnd | null;
  /** Signals the child itself. Does nothing if it has exited. */
  signal(name: string): void;
  /** Signals the group that the child leads. Returns `false` if no process is in it. */
  signalGroup(name: string): boolean;
  /** Lets this program exit while the child is running. */
  unref(): void;
  /** Undoes {@linkcode Child.unref}. */
  ref(): void;
  /**
   * Stops the runtime from killing the child at this program's end. Call it once a
   * watcher has taken over that task.
   */
  entrustToWatcher(): void;
  /**
   * Returns the error for a child that exited because the program could not be started
   * after all, or `null` for any other exit.
   */
  lateFailure(status: ExitStatus, stderr: string): Error | null;
}

/** The kind of a file, and its size in bytes. */
export interface FileInfo {
  readonly kind: "file" | "folder" | "symlink" | "other";
  readonly size: number;
}

/** A file that is open for reading. */
export interface OpenFile {
  stat(): Promise<FileInfo>;
  /** Reads into `buffer`. Resolves with the number of bytes, which is 0 at the end. */
  read(buffer: Uint8Array): Promise<number>;
  close(): Promise<void>;
}

/** A file that is open for a child to write to. */
export interface OutputDescriptor {
  readonly descriptor: number;
  /**
   * Identifies the file: equal for two descriptors of the same file, even if their paths
   * differ.
   */
  readonly identity: string;
  close(): Promise<void>;
}

/** One end of a pipe. A child inherits it only if it is passed to that child. */
export interface PipeEnd {
  readonly descriptor: number;
  close(): void;
}

/** A kernel pipe: bytes written to `writer` are read from `reader`. */
export interface Pipe {
  readonly reader: PipeEnd;
  readonly writer: PipeEnd;
}

/** A new file that only its owner may read and write. */
export interface PrivateFile {
  /** Writes all bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when the content is on disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** A lock that is held on a folder. */
export interface FolderLock {
  release(): Promise<void>;
}

/** The file operations that the library needs. They fail with the runtime's own errors. */
export interface Files {
  /**
   * Describes the file at `path`; `null` if there is none. Follows a symbolic link unless
   * `link` is set.
   */
  stat(path: string, options?: { link?: boolean }): Promise<FileInfo | null>;
  open(path: string): Promise<OpenFile>;
  /** Reads a file as UTF-8 text. */
  readText(path: string): Promise<string>;
  /**
   * Opens a file for a child to write to. Creates it if it is missing, and truncates it
   * unless `append` is set.
   */
  openForChild(
    path: string,
    options: { append: boolean },
  ): Promise<OutputDescriptor>;
  /** Creates a file with mode 0600, whatever the umask is. Fails if the path exists. */
  createPrivate(path: string): Promise<PrivateFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Creates a folder and its parent folders. Succeeds if the folder exists. */
  createFolder(path: string): Promise<void>;
  /** Lists the names of the entries of a folder. */
  names(path: string): Promise<string[]>;
  /**
   * Locks a folder, waiting until no other caller holds the lock. The lock excludes
   * callers in this program and in others, under both runtimes. It is released by
   * `release`, and by the kernel when the program ends in any way.
   */
  lockFolder(path: string): Promise<FolderLock>;
  /** Resolves when the entries of the folder are on disk, where the system can report that. */
  syncFolder(path: string): Promise<void>;
}

/**
 * Synchronous access to the system's processes and files. No method ever prompts for a
 * permission: without the permission a file or a process counts as missing.
 */
export interface System {
  readonly kind: "linux" | "posix" | "windows";
  /** The process id of this program. */
  readonly pid: number;
  /**
   * Whether this code runs in a test whose runner reports every child that is still
   * running at the end of the test as a leak.
   */
  readonly reportsLeakedChildren: boolean;
  /** Returns why this program may not signal process groups, or `null` if it may. */
  groupsUnavailableReason(): string | null;
  /**
   * Signals a process, or the group `-pid` if `pid` is negative. Returns `false` if no
   * such process exists.
   */
  signal(pid: number, name: string): boolean;
  /** Tests whether a process, or the group `-pid`, exists. A zombie exists. */
  exists(pid: number): boolean;
  /** Reads a file as text; `null` if it cannot be read. */
  readText(path: string): string | null;
  /** Returns the text of `/proc/<pid>/stat` for every process; `null` if `/proc` cannot be read. */
  processStats(): string[] | null;
  /** Lists the names of the folders in a folder; `null` if it cannot be read. */
  subfolders(path: string): string[] | null;
  /** Writes to an existing file. Throws the runtime's own error. */
  writeText(path: string, text: string): void;
  /**
   * Opens the stdin of a child for synchronous writes. Returns `null` where a
   * {@linkcode ByteSink} writes without waiting for the event loop, and where the stdin
   * cannot be opened.
   */
  directStdinOf(pid: number): DirectSink | null;
  /** Tests whether this program may write to a file. */
  mayWrite(path: string): boolean;
  /** Creates a folder. Throws the runtime's own error. */
  createFolder(path: string): void;
  /**
   * Removes an empty folder. Returns whether the folder is gone, which includes a folder
   * that did not exist.
   */
  removeFolder(path: string): boolean;
}

/** The environment of this program. No method ever prompts for a permission. */
export interface HostEnvironment {
  /** Returns the value of an environment variable; `null` if it is not set or cannot be read. */
  variable(name: string): string | null;
  /**
   * Whether a stack trace has a frame for every caller. JavaScriptCore replaces the frame
   * of a function that returns the result of another call.
   */
  readonly hasExactStacks: boolean;
  /** Tests whether an environment variable can be read. A variable that is not set can be. */
  canReadVariable(name: string): boolean;
  /**
   * Returns the working directory of this program, the user's home, or the folder for
   * temporary files.
   *
   * @throws {UnsupportedError} if the permission for it is missing
   */
  folder(which: "cwd" | "home" | "tmp"): string;
}

/** The address of a TCP server. */
export interface Address {
  /** The host. If it is omitted, both loopback addresses of this machine are tried. */
  readonly hostname?: string;
  readonly port: number;
}

/** The network operations that the library needs. */
export interface Network {
  /**
   * Tests whether a server accepts a TCP connection, and closes the connection at once.
   * Resolves with `false` as soon as `signal` fires.
   *
   * @throws {UnsupportedError} if the permission for it is missing
   */
  canConnect(address: Address, signal: AbortSignal): Promise<boolean>;
}

/**
 * Everything that the library needs from the runtime. Supporting another runtime takes
 * one more implementation of this interface.
 */
export interface Runtime {
  /**
   * Starts a child.
   *
   * @throws {NotFoundError} if the program does not exist
   * @throws {SpawnError} if the program cannot be started
   * @throws {UnsupportedError} if a permission is missing for something that the spec names
   */
  spawn(spec: SpawnSpec): Child;
  /**
   * Returns the path of the program that {@linkcode Runtime.spawn} would start, relative
   * to the caller's working directory.
   *
   * @throws {NotFoundError} if the program does not exist
   * @throws {SpawnError} if the program may not be executed
   * @throws {UnsupportedError} if a permission is missing, or on Windows
   */
  which(spec: SpawnSpec): string;
  /**
   * Creates pipes for children to be started. Returns `null` where that is not possible,
   * such as without `mkfifo`.
   */
  pipes(count: number): Pipe[] | null;
  readonly files: Files;
  readonly system: System;
  readonly network: Network;
  readonly environment: HostEnvironment;
  /**
   * Calls `action` when this program ends normally or calls an exit function. Not called
   * when it is killed, nor, on Deno, after an uncaught error.
   */
  onExit(action: () => void): void;
}

/** Tests whether the name of an entry of `/proc` is a process id. */
export function isProcessNumber(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 0x31 && first <= 0x39;
}
