/** The runtime that this is running in. */
export const runtimeName: "deno" | "bun" = "Bun" in globalThis ? "bun" : "deno";
