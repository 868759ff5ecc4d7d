/** What was started together, and can be ended together. */
export interface Tree {
  /** Signals everyone in it that can be found. */
  signal(name: string): void;
  /** Stops everyone in it from running, until {@linkcode Tree.resume}. */
  suspend(): void;
  /** Lets everyone in it run again. */
  resume(): void;
  /** Ends everyone in it, at once. */
  kill(): void;
  /** The processes in it that have not ended. */
  members(): number[];
  /** Whether nobody is left in it. */
  isEmpty(): boolean;
}

/** The tree of one run. */
export interface RunTree extends Tree {
  /** To be told as soon as the child itself has ended, and its number is free. */
  childExited(): void;
  /** To be told when the run goes on for some time although its child has ended. */
  outlivedChild(): void;
  /** Ends those whom the run would leave behind, unless they may stay: then nothing is done. */
  killLeftovers(): void;
  /** Whether nobody is left in it, as far as that is told without looking at every process. */
  isKnownEmpty(): boolean;
  /** To be called last: ends those left behind, unless they may stay, and lets go of them. */
  close(): void | Promise<void>;
}
