import { runtime } from "../../runtime/detect.ts";
import type { TestIdentity } from "./cassette_path.ts";

/** A call of `withCassette`. */
export interface TestCall {
  readonly test: TestIdentity;
  /** The text of the test's body, which tells two tests apart where no place is known. */
  readonly body: string;
  /** Where the call is, as `file:line:column`; `null` if the runtime does not tell. */
  readonly place: string | null;
}

/** The first call for each cassette, by the cassette's path. */
const firstCalls = new Map<string, TestCall>();

/**
 * The place that calls the function which calls this one; `null` if the runtime does not
 * tell. On Bun, a call in the place of a function's result has no frame of its own:
 * JavaScriptCore replaces the frame of the function.
 */
export function callerLocation(): string | null {
  const [, , caller = ""] = (new Error().stack ?? "").split("\n").filter(
    (line) => /:\d+:\d+\)?$/.test(line),
  );
  const place = /((?:file:\/\/)?[^\s()]+:\d+:\d+)\)?$/.exec(caller)?.[1] ??
    null;
  // A frame of the runtime itself is of no use to a reader.
  return place === null || /^(?:ext|node|native|bun):/.test(place)
    ? null
    : place;
}

/**
 * Refuses a second test with the same cassette: each would replace what the other
 * recorded, or replay it. A test that runs again is no second test.
 *
 * @throws {TypeError} naming the places of both calls
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
  const [one, other] = await placesOf(first, call);
  throw new TypeError(
    `withCassette: two tests have one cassette, ${path}: ${one} and ${other}. Give each test a name of its own; ` +
      "for example, put the names of its `describe`s in front",
  );
}

async function isOtherTest(first: TestCall, call: TestCall): Promise<boolean> {
  if (first.test === call.test) return false;
  if (first.place === null || call.place === null) {
    return first.body !== call.body;
  }
  if (first.place === call.place) return false;
  if (first.body !== call.body || runtime().environment.hasExactStacks) {
    return true;
  }
  // One body, and two places that are perhaps those of two calls of a helper.
  return await isCallAt(first.place) && await isCallAt(call.place);
}

/** Whether the line at a place has the call itself, and not that of a function whose frame was dropped. */
async function isCallAt(place: string): Promise<boolean> {
  const [, file, line] = /^(.+):(\d+):\d+$/.exec(place) ?? [];
  const text = await runtime().files.readText(file).catch(() => "");
  return text.split("\n")[Number(line) - 1]?.includes("withCassette") === true;
}

/** Both places; where the runtime tells none, the lines of the test's file that have its name. */
async function placesOf(
  first: TestCall,
  call: TestCall,
): Promise<[string, string]> {
  const lines = first.place === null || call.place === null
    ? await linesWithName(call.test)
    : [];
  const fileOf = ({ test }: TestCall) => test.origin;
  return [
    first.place ?? withLine(fileOf(first), lines[0]),
    call.place ?? withLine(fileOf(call), lines[1] ?? lines[0]),
  ];
}

function withLine(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}

/** The numbers of the lines in a test's file that have the name of the test as a literal. */
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
