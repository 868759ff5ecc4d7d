import { kindOf, pathText } from "../../command/checks.ts";
import { textDigest } from "../format/digest.ts";
import { splitPath } from "../format/cassette_file.ts";

/** What tells one test from all others: a test context of Deno's is one. */
export interface TestIdentity {
  /** The name of the test, unique in its file: for example, with the names of its `describe`s in front. */
  readonly name: string;
  /** The file of the test, as `import.meta.url` has it. */
  readonly origin: string;
  /** The test that this one is a step of, if it is one. */
  readonly parent?: { readonly name: string; readonly parent?: unknown };
}

/** How long a name may be of which a file's is made, in bytes of UTF-8; with the rest a file's may have 255. */
const LONGEST = 160;

/**
 * The path of a test's cassette: beside the test's file, or in `folder`, which is
 * relative to where that file is.
 *
 * @throws {TypeError} if the name is empty, or the test's file is no file of this machine
 */
export function cassettePathOf(
  test: TestIdentity,
  folder: string | URL = "__cassettes__",
): string {
  checkIdentity(test);
  const file = fileOf(test.origin);
  const names = [...parents(test), test.name].map(safeName);
  return join(
    folder instanceof URL
      ? pathText("the folder of the cassettes", folder)
      : absolute(file.folder, pathText("the folder of the cassettes", folder)),
    file.name,
    ...names.slice(0, -1),
    `${names.at(-1)}.json`,
  );
}

/**
 * A name that is one for a file, on any system, and no other test's: one that had to be
 * changed for that, or that another differs from by case alone, gets a digest of what it
 * was.
 */
export function safeName(name: string): string {
  const safe = name.normalize("NFC").toWellFormed()
    .replaceAll(/[^\p{L}\p{M}\p{N} _.,+=@()-]+/gu, "_")
    .replaceAll(/^[ .]+|[ .]+$/g, "_").replace(RESERVED, "_$&");
  const short = shortened(safe);
  // What ends like a file of ours could be a folder with the name of one.
  const isAsItWas = short === name && /^[a-z\d _.,+=@()-]+$/.test(name) &&
    !name.endsWith(".json");
  return isAsItWas ? name : `${short.replace(/[ .]+$/, "_")}~${digest(name)}`;
}

/** What Windows has for devices, whatever comes after a dot. */
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

function shortened(name: string): string {
  const bytes = new TextEncoder().encode(name).subarray(0, LONGEST);
  // Half of a character at the end is left out.
  return new TextDecoder().decode(bytes, { stream: true });
}

function digest(text: string): string {
  return textDigest(text).toString(36).padStart(13, "0");
}

function checkIdentity(test: TestIdentity): void {
  for (const field of ["name", "origin"] as const) {
    const value: unknown = test?.[field];
    if (typeof value === "string" && value !== "") continue;
    throw new TypeError(
      `withCassette: expected a test's context, or { name, origin: import.meta.url }; its ${field} is ${
        value === "" ? "empty" : typeof value
      }`,
    );
  }
}

function parents({ parent }: TestIdentity): string[] {
  const names: string[] = [];
  for (
    let above = parent;
    above !== undefined && above !== null;
    above = above.parent as typeof parent
  ) {
    if (typeof above.name !== "string") {
      throw new TypeError(
        `withCassette: expected the name of the test's parent to be a string, got ${
          kindOf(above.name)
        }`,
      );
    }
    names.unshift(above.name);
  }
  return names;
}

/** The folder and the name of a test's file; the name is one already, on the system that has the file. */
function fileOf(origin: string): { folder: string; name: string } {
  if (!URL.canParse(origin) || new URL(origin).protocol !== "file:") {
    throw new TypeError(
      `withCassette: expected the origin of the test to be a file: URL (import.meta.url), got ${
        JSON.stringify(origin)
      }`,
    );
  }
  const path = pathText("withCassette: the file of the test", new URL(origin));
  return splitPath(path);
}

function absolute(base: string, folder: string): string {
  return /^(?:[/\\]|[a-zA-Z]:[/\\])/.test(folder) ? folder : join(base, folder);
}

function join(...parts: string[]): string {
  return parts.map((part, index) =>
    index === parts.length - 1 ? part : part.replace(/[/\\]+$/, "")
  ).join("/");
}
