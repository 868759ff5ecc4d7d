/** Processes that were started together and can be killed together. */
export interface Tree {
  /** Signals every process of the tree that can be found. */
  signal(name: string): void;
  /** Stops every process of the tree until {@linkcode Tree.resume}. */
  suspend(): void;
  /** Lets every process of the tree continue. */
  resume(): void;
  /** Kills every process of the tree. */
  kill(): void;
  /** Returns the processes of the tree that have not exited. */
  members(): number[];
  /** Tests whether every process of the tree has exited. */
  isEmpty(): boolean;
}

/** The tree of one run: its child and the child's descendants. */
export interface RunTree extends Tree {
  /** Tells the tree that its child has exited, so that the number of the child is free. */
  childExited(): void;
  /**
   * Tells the tree that it is still in use some time after its child has exited: the run
   * continues, or its leftovers are kept.
   */
  outlivedChild(): void;
  /**
   * Kills the leftovers of the run: the processes that it would leave behind. Does nothing if
   * they may stay.
   */
  killLeftovers(): void;
  /**
   * Like {@linkcode Tree.isEmpty}, but checks only the child and its group or cgroup. It
   * is faster, since it does not inspect every process.
   */
  isKnownEmpty(): boolean;
  /** Kills the leftovers unless they may stay, and releases the tree. Must be the last call. */
  close(): void | Promise<void>;
}
