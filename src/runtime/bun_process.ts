interface ProcessGlobal {
  readonly process: {
    readonly pid: number;
    readonly platform: string;
    readonly arch: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    cwd(): string;
    on(event: "exit", listener: () => void): void;
    kill(pid: number, signal: string | number): void;
  };
}

/** Returns the global `process` of Bun, typed for the members that are used here. */
export function bunProcess(): ProcessGlobal["process"] {
  return (globalThis as unknown as ProcessGlobal).process;
}
