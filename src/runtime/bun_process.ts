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

/** What Bun has of Node's `process`, with the types of what is used. */
export function bunProcess(): ProcessGlobal["process"] {
  return (globalThis as unknown as ProcessGlobal).process;
}
