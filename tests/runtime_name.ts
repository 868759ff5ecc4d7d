/** The runtime that runs this module. */
export const runtimeName: "deno" | "bun" = "Bun" in globalThis ? "bun" : "deno";
