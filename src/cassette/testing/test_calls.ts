import { runtime } from "../../runtime/detect.ts";
import type { TestIdentity } from "./cassette_path.ts";

/** A call of `withCassette`. */
export interface TestCall {
  readonly test: TestIdentity;
  /** The source text of the body, which is compared if a location is not known. */
  readonly body: string;
  /** The location of the call as `file:line:column`; `null` if the stack trace lacks it. */
  readonly location: string | null;
}

/** The first call for each cassette, by the cassette's path. */
const firstCalls = new Map<string, TestCall>();

/**
 * Returns the location from which the function that calls this one was called, or `null` if
 * the stack trace lacks it. On Bun, a call in tail position has no frame: JavaScriptCore
 * replaces the frame of the calling function.
 */
export function callerLocation(): string | null {
  const [, , caller = ""] = (new Error().stack ?? "").split("\n").filter(
    (line) => /:\d+:\d+\)?$/.test(line),
  );
  const location = /((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/.exec(caller)?.[1] ??
    null;
  // A frame of the runtime itself does not help the author of the test.
  return location === null || /^(?:ext|node|native|bun):/.test(location)
    ? null
    : location;
}

/**
 * Refuses a cassette that another test uses: each test would replace or replay the
 * recordings of the other. The same test may run again.
 *
 * @throws {TypeError} if another test uses the cassette. The message names the locations of
 *   both calls.
 */
export async function refuseSharedCassette(
  path: string,
  call: TestCall,
): Promise<void> {
  const first = firstCalls.get(path);
  if (first === undefined) {
    firstCalls.set(path, call);
    return;
  }
  if (!await isOtherTest(first, call)) return;
  const [one, other] = await locationsOf(first, call);
  throw new TypeError(
    `withCassette: two tests use the same cassette, ${path}: ${one} and ${other}. Give each test a unique name; ` +
      "for example, put the names of its `describe` blocks in front",
  );
}

async function isOtherTest(first: TestCall, call: TestCall): Promise<boolean> {
  if (first.test === call.test) return false;
  if (first.location === null || call.location === null) {
    return first.body !== call.body;
  }
  if (first.location === call.location) return false;
  if (first.body !== call.body || runtime().environment.hasExactStacks) {
    return true;
  }
  // On Bun, the locations may be those of two calls of one helper, whose own frame is
  // missing. They are two tests only if both locations are calls of `withCassette`.
  return await isCallAt(first.location) && await isCallAt(call.location);
}

/** Returns whether the line at a location contains a call of `withCassette`. */
async function isCallAt(location: string): Promise<boolean> {
  const [, file, line] = /^(.+):(\d+):\d+$/.exec(location) ?? [];
  const text = await runtime().files.readText(file).catch(() => "");
  return text.split("\n")[Number(line) - 1]?.includes("withCassette") === true;
}

/**
 * The locations of both calls. In place of an unknown one, the line of the test file that
 * contains the name of the test.
 */
async function locationsOf(
  first: TestCall,
  call: TestCall,
): Promise<[string, string]> {
  const lines = first.location === null || call.location === null
    ? await linesWithName(call.test)
    : [];
  return [
    first.location ?? withLine(first.test.origin, lines[0]),
    call.location ?? withLine(call.test.origin, lines[1] ?? lines[0]),
  ];
}

function withLine(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}

/** The numbers of the lines of the test file that contain the test's name as a string literal. */
async function linesWithName(
  { name, origin }: TestIdentity,
): Promise<number[]> {
  const { readText } = runtime().files;
  const text = await readText(decodeURIComponent(new URL(origin).pathname))
    .catch(() => "");
  const literals = [JSON.stringify(name), `'${name}'`, `\`${name}\``];
  return text.split("\n").flatMap((line, index) =>
    literals.some((literal) => line.includes(literal)) ? [index + 1] : []
  );
}
