// Deno's own assertions and paths, with types, under both runtimes.
// @ts-types="./types/std_assert.d.ts"
export * from "@std/assert";
// @ts-types="./types/std_path.d.ts"
export {
  basename,
  dirname,
  fromFileUrl,
  join,
  relative,
  toFileUrl,
} from "@std/path";
