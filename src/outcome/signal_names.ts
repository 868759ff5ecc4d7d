/** The signals whose numbers are the same on all POSIX systems. */
const COMMON: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

let nameOnHost: (signal: number) => string | null = () => null;

/** Sets the function that looks up signal names of this host. The runtime layer calls it. */
export function provideSignalNames(
  name: (signal: number) => string | null,
): void {
  nameOnHost = name;
}

/** Formats a signal for a message: `SIGTERM (15)`, or `signal 40` if the number has no known name. */
export function signalName(signal: number): string {
  const name = COMMON[signal] ?? nameOnHost(signal);
  return name === null ? `signal ${signal}` : `${name} (${signal})`;
}
