import { kindOf, pathText } from "../../command/checks.ts";
import { splitPath } from "../format/cassette_file.ts";
import { textDigest } from "../format/digest.ts";

/** Identifies a test by its name and file. The context of a Deno test is a `TestIdentity`. */
export interface TestIdentity {
  /**
   * The name of the test. It must be unique in the file: put the names of its `describe`
   * blocks in front, for example.
   */
  readonly name: string;
  /** The URL of the test file: `import.meta.url`. */
  readonly origin: string;
  /** The test of which this test is a step. */
  readonly parent?: { readonly name: string; readonly parent?: unknown };
}

/**
 * The longest part of a test's name in the name of its file, in bytes of UTF-8. With the
 * digest and the suffix, the name must not be longer than 255 bytes, which is the limit of
 * file systems.
 */
const MAX_NAME_BYTES = 160;

/**
 * Returns the path of a test's cassette. A relative `folder` is relative to the folder of
 * the test file.
 *
 * @throws {TypeError} if the name is empty, or the origin is not a `file:` URL
 */
export function cassettePathOf(
  test: TestIdentity,
  folder: string | URL = "__cassettes__",
): string {
  checkIdentity(test);
  const file = fileOf(test.origin);
  const names = [...parentNames(test), test.name].map(safeName);
  const folderPath = pathText("the folder of the cassettes", folder);
  return join(
    folder instanceof URL ? folderPath : absolute(file.folder, folderPath),
    file.name,
    ...names.slice(0, -1),
    `${names.at(-1)}.json`,
  );
}

/**
 * Returns a file name for the name of a test that is valid on every system and different for
 * every test. A digest of the test's name is appended if the name had to be changed, or
 * contains more than lower-case ASCII: such a name could collide with another one on a file
 * system that ignores case or normalizes Unicode.
 */
export function safeName(name: string): string {
  const safe = name.normalize("NFC").toWellFormed()
    .replaceAll(/[^\p{L}\p{M}\p{N} _.,+=@()-]+/gu, "_")
    .replaceAll(/^[ .]+|[ .]+$/g, "_").replace(WINDOWS_DEVICE, "_$&");
  const short = truncated(safe);
  // A test "a.json" with steps has a folder of that name, like the file of a test "a".
  const isUnchanged = short === name && /^[a-z\d _.,+=@()-]+$/.test(name) &&
    !name.endsWith(".json");
  return isUnchanged
    ? name
    : `${short.replace(/[ .]+$/, "_")}~${digestOf(name)}`;
}

/** The device names of Windows, which are reserved with any extension. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

function truncated(name: string): string {
  const bytes = new TextEncoder().encode(name).subarray(0, MAX_NAME_BYTES);
  // In stream mode, the decoder holds back an incomplete character at the end.
  return new TextDecoder().decode(bytes, { stream: true });
}

function digestOf(text: string): string {
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

/** The names of the tests that contain a step, the outermost first. */
function parentNames({ parent }: TestIdentity): string[] {
  const names: string[] = [];
  for (
    let ancestor = parent;
    ancestor !== undefined && ancestor !== null;
    ancestor = ancestor.parent as typeof parent
  ) {
    if (typeof ancestor.name !== "string") {
      throw new TypeError(
        `withCassette: expected the name of the test's parent to be a string, got ${
          kindOf(ancestor.name)
        }`,
      );
    }
    names.unshift(ancestor.name);
  }
  return names;
}

/** The folder and the name of the test file. */
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
