/** The signals that can be sent to a child, by their POSIX names. */
export type Signal =
  | "SIGABRT"
  | "SIGALRM"
  | "SIGCONT"
  | "SIGHUP"
  | "SIGINT"
  | "SIGKILL"
  | "SIGPIPE"
  | "SIGQUIT"
  | "SIGSTOP"
  | "SIGTERM"
  | "SIGTSTP"
  | "SIGUSR1"
  | "SIGUSR2"
  | "SIGWINCH";

const NAMES: Readonly<Record<Signal, true>> = {
  SIGABRT: true,
  SIGALRM: true,
  SIGCONT: true,
  SIGHUP: true,
  SIGINT: true,
  SIGKILL: true,
  SIGPIPE: true,
  SIGQUIT: true,
  SIGSTOP: true,
  SIGTERM: true,
  SIGTSTP: true,
  SIGUSR1: true,
  SIGUSR2: true,
  SIGWINCH: true,
};

/** Refuses a name that is no signal's. */
export function checkSignal(what: string, signal: Signal): Signal {
  if (!Object.hasOwn(NAMES, signal)) {
    throw new TypeError(
      `${what}: unknown signal ${JSON.stringify(signal)}; known are ${
        Object.keys(NAMES).join(", ")
      }`,
    );
  }
  return signal;
}
