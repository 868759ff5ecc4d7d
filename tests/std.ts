// The assertions and path functions of Deno's standard library, with types, for both runtimes.
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
