/** A signal that can be sent to a child, by its POSIX name. */
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

/** Checks that a text is the name of a signal. */
export function checkSignal(label: string, signal: Signal): Signal {
  if (!Object.hasOwn(NAMES, signal)) {
    throw new TypeError(
      `${label}: unknown signal ${JSON.stringify(signal)}; known are ${
        Object.keys(NAMES).join(", ")
      }`,
    );
  }
  return signal;
}
